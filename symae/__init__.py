"""Learn: networks, corruption, data, recipes, training and evaluation of symmetric auto-encoders."""
