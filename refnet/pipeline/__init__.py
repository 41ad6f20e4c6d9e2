"""Many pictures: a stream of answers from whatever holds them, in bounded memory; and what an unfinished run left."""
