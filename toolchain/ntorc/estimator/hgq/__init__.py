"""Training on with learned widths by HGQ2, which has a folder and a process of its own."""
