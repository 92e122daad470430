"""HTTP: Bedrock's API, our own paths, and who may use them."""
