"""The joint search of model and hardware, its front, and a point of it as an estimator."""
