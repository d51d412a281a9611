"""What becomes of a procedure that is wrong, or becomes wrong: requests and wrong answers until it is found, stopped
and healed."""
