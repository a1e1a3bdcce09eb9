"""What Discord accepts and refuses, with its own error codes and messages."""
