"""The protocol, the engines that run it, and the files it leaves."""
