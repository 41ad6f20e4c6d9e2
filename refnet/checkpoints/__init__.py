"""Published checkpoints: readers of foreign formats that execute nothing, and one name map per publisher."""
