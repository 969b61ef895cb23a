"""The deck: how a person sees a stack. It reaches the outside world through `stack` alone."""
