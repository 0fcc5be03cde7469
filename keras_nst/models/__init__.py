"""Networks: the transfer nets that are trained, and the frozen networks that observe images."""
