"""How requests to models are worded: the bodies of families of models, and of Converse."""
