"""PyTorch's files of every age: ``file`` tells them apart. A pickle machine reads them and executes nothing."""
