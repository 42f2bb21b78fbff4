"""What steps read and write: the matrix, the files of a training, moves, label comparison, pictures."""
