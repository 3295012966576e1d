"""What the lab asks: the controller, Docker, the predictors, the machine."""
