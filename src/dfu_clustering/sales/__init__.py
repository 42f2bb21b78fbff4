"""Sales as people have them, a table or a file in long form, become monthly rows under the project's names."""
