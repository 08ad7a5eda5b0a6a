"""Reads a parameter for nodes that may not read the store: its ciphertext, which the node itself has KMS decrypt."""

import boto3

store = boto3.client("ssm")


def lambda_handler(event, context):
    answer = store.get_parameter(Name=event["ParameterName"], WithDecryption=False)
    return answer["Parameter"]["Value"]
