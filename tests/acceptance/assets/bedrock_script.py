"""What a team that builds on Bedrock runs: nothing of Outcrop's is imported, and only the environment is told of it.

    python bedrock_script.py MODEL-ID JUDGE-ID TRAIN.jsonl TEST.jsonl

Prints one JSON object for the test that started it.
"""

import csv
import io
import json
import sys
import time

import boto3

base, judge, train, test = sys.argv[1:]
stamp = time.strftime("%Y%m%d%H%M%S")
bucket = f"customization-{stamp}"
told: dict[str, object] = {}

s3, iam, sts, bedrock = (boto3.client(name) for name in ("s3", "iam", "sts", "bedrock"))
region = boto3.session.Session().region_name
account = sts.get_caller_identity()["Account"]

# a bucket, a role, the data
s3.create_bucket(Bucket=bucket)
trust = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "bedrock.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
role = iam.create_role(RoleName=f"Bedrock-{stamp}", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
policy = iam.create_policy(
    PolicyName=f"Bedrock-{stamp}",
    PolicyDocument=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": [f"arn:aws:s3:::{bucket}/*"]}],
        }
    ),
)["Policy"]["Arn"]
iam.attach_role_policy(RoleName=f"Bedrock-{stamp}", PolicyArn=policy)
s3.upload_file(train, bucket, "data/train.jsonl")
s3.upload_file(test, bucket, "data/test.jsonl")

# the model to start from
models = bedrock.list_foundation_models(byCustomizationType="FINE_TUNING")["modelSummaries"]
assert base in {model["modelId"] for model in models}, models
details = bedrock.get_foundation_model(modelIdentifier=base)["modelDetails"]
told["foundation_model"] = {key: details[key] for key in ("modelArn", "providerName", "modelLifecycle")}

# train
job_arn = bedrock.create_model_customization_job(
    customizationType="FINE_TUNING",
    jobName=f"fine-tune-{stamp}",
    customModelName=f"tuned-{stamp}",
    roleArn=role,
    baseModelIdentifier=f"arn:aws:bedrock:{region}::foundation-model/{base}",
    hyperParameters={"epochCount": "1", "batchSize": "4", "learningRate": "0.0005", "maxLength": "256"},
    trainingDataConfig={"s3Uri": f"s3://{bucket}/data/train.jsonl"},
    outputDataConfig={"s3Uri": f"s3://{bucket}/output/"},
    jobTags=[{"key": "project", "value": "demo"}],
    customModelTags=[{"key": "project", "value": "demo"}],
)["jobArn"]
seen: list[str] = []
while True:
    job = bedrock.get_model_customization_job(jobIdentifier=job_arn)
    if not seen or seen[-1] != job["status"]:
        seen.append(job["status"])
    if job["status"] in ("Completed", "Failed", "Stopped"):
        break
    time.sleep(1)
assert job["status"] == "Completed", job
told["statuses"] = seen

# the curve, as a file
job_id = job_arn.split("/")[-1]
key = f"output/model-customization-job-{job_id}/training_artifacts/step_wise_training_metrics.csv"
rows = list(csv.DictReader(io.StringIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode())))
told["curve"] = [(int(row["step_number"]), float(row["training_loss"])) for row in rows]

# the custom model
model_arn = job["outputModelArn"]
model = bedrock.get_custom_model(modelIdentifier=model_arn)
listed = bedrock.list_custom_models(sortBy="CreationTime", sortOrder="Descending")["modelSummaries"]
assert [each["modelArn"] for each in listed] == [model_arn]
told["model"] = {key: model[key] for key in ("modelName", "customizationType", "trainingMetrics", "hyperParameters")}
bedrock.tag_resource(resourceARN=model_arn, tags=[{"key": "stage", "value": "test"}])
bedrock.untag_resource(resourceARN=model_arn, tagKeys=["project"])
told["tags"] = bedrock.list_tags_for_resource(resourceARN=model_arn)["tags"]


def evaluate(name: str, metrics: list[str], **evaluator: object) -> tuple[str, list[object]]:
    """The records that an evaluation job leaves."""
    arn = bedrock.create_evaluation_job(
        jobName=f"{name}-{stamp}",
        roleArn=role,
        applicationType="ModelEvaluation",
        evaluationConfig={
            "automated": {
                "datasetMetricConfigs": [
                    {
                        "taskType": "General" if evaluator else "QuestionAndAnswer",
                        "dataset": {"name": "Own", "datasetLocation": {"s3Uri": f"s3://{bucket}/data/test.jsonl"}},
                        "metricNames": metrics,
                    }
                ],
                **evaluator,
            }
        },
        inferenceConfig={
            "models": [
                {
                    "bedrockModel": {
                        "modelIdentifier": model_arn,
                        "inferenceParams": json.dumps({"inferenceConfig": {"maxTokens": 16, "temperature": 0.0}}),
                    }
                }
            ]
        },
        outputDataConfig={"s3Uri": f"s3://{bucket}/evaluations/"},
    )["jobArn"]
    while (found := bedrock.get_evaluation_job(jobIdentifier=arn))["status"] == "InProgress":
        time.sleep(1)
    assert found["status"] == "Completed", found
    keys = [
        each["Key"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"evaluations/{name}-{stamp}/")
        for each in page.get("Contents", [])
    ]
    outputs = [key for key in keys if key.endswith("_output.jsonl")]
    lines = s3.get_object(Bucket=bucket, Key=outputs[0])["Body"].read().decode().splitlines()
    return arn, [json.loads(line) for line in lines]


automated, records = evaluate("automated", ["Builtin.Accuracy"])
told["automated"] = records
judged, records = evaluate(
    "judged",
    ["Builtin.Helpfulness"],
    evaluatorModelConfig={"bedrockEvaluatorModels": [{"modelIdentifier": judge}]},
)
told["judged"] = records
summaries = bedrock.list_evaluation_jobs(statusEquals="Completed")["jobSummaries"]
assert {each["jobArn"] for each in summaries} == {automated, judged}

# the custom model answers: by provisioned throughput, by a deployment, and a whole file at once
runtime = boto3.client("bedrock-runtime")
provisioned = bedrock.create_provisioned_model_throughput(
    modelUnits=1, provisionedModelName=f"provisioned-{stamp}", modelId=model_arn
)["provisionedModelArn"]
while bedrock.get_provisioned_model_throughput(provisionedModelId=provisioned)["status"] == "Creating":
    time.sleep(1)
found = bedrock.get_provisioned_model_throughput(provisionedModelId=provisioned)
assert found["status"] == "InService", found
conversation: list[dict[str, object]] = [{"role": "user", "content": [{"text": "What is basalt?"}]}]
config = {"maxTokens": 12, "temperature": 0.0}
answer = runtime.converse(modelId=provisioned, messages=conversation, inferenceConfig=config)
told["converse"] = {key: answer[key] for key in ("output", "stopReason", "usage", "metrics")}
events = list(
    runtime.converse_stream(modelId=provisioned, messages=conversation, inferenceConfig=config)["stream"],
)
told["events"] = [next(iter(event)) for event in events]
told["streamed"] = "".join(
    event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event
)
body = json.dumps({"prompt": "What is basalt?", "max_gen_len": 12, "temperature": 0.0})
told["llama"] = json.loads(runtime.invoke_model(modelId=provisioned, body=body)["body"].read())
chunks = [
    json.loads(event["chunk"]["bytes"])
    for event in runtime.invoke_model_with_response_stream(modelId=provisioned, body=body)["body"]
]
told["llama_streamed"] = "".join(chunk["generation"] for chunk in chunks)
told["llama_metrics"] = chunks[-1]["amazon-bedrock-invocationMetrics"]
told["counted"] = runtime.count_tokens(modelId=model_arn, input={"converse": {"messages": conversation}})["inputTokens"]

deployment = bedrock.create_custom_model_deployment(modelDeploymentName=f"deployed-{stamp}", modelArn=model_arn)[
    "customModelDeploymentArn"
]
while bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=deployment)["status"] == "Creating":
    time.sleep(1)
answer = runtime.converse(modelId=deployment, messages=conversation, inferenceConfig=config)
told["deployed"] = answer["output"]["message"]["content"][0]["text"]

lines = [
    json.dumps({"recordId": f"R{place}", "modelInput": {"prompt": f"{place} + 1 =", "max_gen_len": 4}})
    for place in range(5)
]
s3.put_object(Bucket=bucket, Key="batch/questions.jsonl", Body="\n".join(lines).encode())
batch = bedrock.create_model_invocation_job(
    jobName=f"batch-{stamp}",
    roleArn=role,
    modelId=model_arn,
    inputDataConfig={"s3InputDataConfig": {"s3Uri": f"s3://{bucket}/batch/questions.jsonl"}},
    outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"s3://{bucket}/batch-output/"}},
)["jobArn"]
while (found := bedrock.get_model_invocation_job(jobIdentifier=batch))["status"] not in ("Completed", "Failed"):
    time.sleep(1)
assert found["status"] == "Completed", found
place = f"batch-output/{batch.split('/')[-1]}"
output = s3.get_object(Bucket=bucket, Key=f"{place}/questions.jsonl.out")["Body"].read().decode()
told["batch"] = [json.loads(line) for line in output.splitlines()]
told["manifest"] = json.loads(s3.get_object(Bucket=bucket, Key=f"{place}/manifest.json.out")["Body"].read())

# and everything away again
bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=deployment)
bedrock.delete_provisioned_model_throughput(provisionedModelId=provisioned)
deleted = bedrock.batch_delete_evaluation_job(jobIdentifiers=[automated, judged])
assert not deleted["errors"], deleted
bedrock.delete_custom_model(modelIdentifier=model_arn)
try:
    bedrock.get_custom_model(modelIdentifier=model_arn)
    told["gone"] = False
except bedrock.exceptions.ResourceNotFoundException:
    told["gone"] = True
print(json.dumps(told))
