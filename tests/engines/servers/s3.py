"""What the S3 servers of the tests have in common: their credentials, the options that reach them, a client."""

import boto3
from botocore.client import BaseClient

BUCKET = "lake"
KEY, SECRET = "testkey", "testsecret"


def options(port: int) -> dict[str, str]:
    """The storage options with which a table on this machine is opened."""
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "us-east-1",
    }


def client(storage: dict[str, str]) -> BaseClient:
    """A client by the same options."""
    return boto3.client(
        "s3",
        endpoint_url=storage["AWS_ENDPOINT_URL"],
        aws_access_key_id=storage["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=storage["AWS_SECRET_ACCESS_KEY"],
        region_name=storage["AWS_REGION"],
    )
