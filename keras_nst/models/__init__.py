"""Networks: the transfer net that is trained and the frozen networks that observe images."""
