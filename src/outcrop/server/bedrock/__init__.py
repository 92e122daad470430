"""Bedrock's API as botocore's service model describes it; one function for each operation."""
