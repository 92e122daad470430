CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0005');
CREATE TABLE aliases (
	alias VARCHAR(255) NOT NULL, 
	model VARCHAR(255) NOT NULL, 
	PRIMARY KEY (alias), 
	FOREIGN KEY(model) REFERENCES models (name) ON DELETE CASCADE
);
INSERT INTO "aliases" VALUES('short','base');
CREATE TABLE configurations (
	name VARCHAR(64) NOT NULL, 
	document JSON NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "configurations" VALUES('logging','{"s3Config": {"bucketName": "it''s-here"}}');
CREATE TABLE deployments (
	number INTEGER NOT NULL, 
	id VARCHAR(12) NOT NULL, 
	name VARCHAR(63) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	model VARCHAR(255) NOT NULL, 
	wanted VARCHAR(255) NOT NULL, 
	units INTEGER NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	error TEXT NOT NULL, 
	updated_to VARCHAR(255) NOT NULL, 
	description TEXT NOT NULL, 
	commitment VARCHAR(32) NOT NULL, 
	created FLOAT NOT NULL, 
	changed FLOAT NOT NULL, 
	asked JSON, 
	token VARCHAR(256), 
	PRIMARY KEY (number), 
	UNIQUE (id), 
	UNIQUE (name), 
	FOREIGN KEY(model) REFERENCES models (name), 
	FOREIGN KEY(wanted) REFERENCES models (name)
);
INSERT INTO "deployments" VALUES(1,'cccccccccccc','gneiss','provisioned-throughput','tuned','base',2,'updating','','base','','OneMonth',3.0,3.5,'{"provisionedModelName": "gneiss"}','once');
CREATE TABLE job_log (
	entry INTEGER NOT NULL, 
	job VARCHAR(12) NOT NULL, 
	time FLOAT NOT NULL, 
	level VARCHAR(16) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (entry), 
	FOREIGN KEY(job) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "job_log" VALUES(1,'aaaaaaaaaaaa',1700000100.5,'info','training on cpu');
INSERT INTO "job_log" VALUES(2,'aaaaaaaaaaaa',1700000100.5,'info','done: “tuned”');
CREATE TABLE jobs (
	number INTEGER NOT NULL, 
	id VARCHAR(12) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	status VARCHAR(16) NOT NULL, 
	request JSON NOT NULL, 
	result JSON, 
	error TEXT DEFAULT '' NOT NULL, 
	progress JSON NOT NULL, 
	checkpoint JSON, 
	fence INTEGER DEFAULT '0' NOT NULL, 
	host VARCHAR(255), 
	pid INTEGER, 
	pid_started FLOAT, 
	lease_until FLOAT DEFAULT '0' NOT NULL, 
	restarts JSON NOT NULL, 
	created FLOAT NOT NULL, 
	started FLOAT DEFAULT '0' NOT NULL, 
	ended FLOAT DEFAULT '0' NOT NULL, renewed FLOAT DEFAULT '0' NOT NULL, asked JSON, token VARCHAR(256), 
	PRIMARY KEY (number), 
	UNIQUE (id), 
	UNIQUE (name)
);
INSERT INTO "jobs" VALUES(1,'aaaaaaaaaaaa','customize-tuned','customization','done','{"model": "tuned", "base": "base", "train": {"path": "/data/it''s \"here\".jsonl", "hash": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}}','{"model": "tuned", "curve": []}','','{"phase": "", "done": 0, "total": 0, "rate": 0.0, "rate_unit": "", "eta": null, "figures": {}}','{"step": 1, "keys": ["jobs/aaaaaaaaaaaa/checkpoints/1-2"]}',2,'elsewhere',4242,1700000000.25,0.0,'["its worker is gone"]',1.0,1700000100.5,1700000100.5,1700000100.5,NULL,NULL);
INSERT INTO "jobs" VALUES(2,'bbbbbbbbbbbb','prüfung','evaluation','queued','{"models": ["base", "tuned"], "task": "summarization"}',NULL,'','{"phase": "", "done": 0, "total": 0, "rate": 0.0, "rate_unit": "", "eta": null, "figures": {}}',NULL,0,NULL,NULL,NULL,0.0,'[]',2.0,0.0,0.0,0.0,'{"jobName": "pr\u00fcfung", "jobTags": []}','once');
CREATE TABLE keys (
	number INTEGER NOT NULL, 
	id VARCHAR(32) NOT NULL, 
	kind VARCHAR(16) NOT NULL, 
	name VARCHAR(255) NOT NULL, 
	sealed TEXT NOT NULL, 
	created FLOAT NOT NULL, 
	expires FLOAT, 
	revoked FLOAT, 
	PRIMARY KEY (number), 
	UNIQUE (id)
);
INSERT INTO "keys" VALUES(1,'AKIAAAAAAAAAAAAAAAAA','access','CI’s','sealed',1.0,2.5,NULL);
INSERT INTO "keys" VALUES(2,'BEARAAAAAAAAAAAAAAAA','bearer','','bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb',1.5,NULL,1700000100.5);
CREATE TABLE models (
	name VARCHAR(255) NOT NULL, 
	base VARCHAR(255), 
	document JSON NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "models" VALUES('base',NULL,'{"name": "base", "kind": "base", "engine": "transformers", "uri": "models/base", "identity": {"weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "tokenizer": "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "template": ""}, "source": "a test", "licence": "Apache-2.0", "architecture": "LlamaForCausalLM", "parameters": 1, "context": 512, "customizations": {"lora": "", "full": ""}, "created": 1.0, "base": null, "lineage": null, "imported": null}');
INSERT INTO "models" VALUES('tuned','base','{"name": "tuned", "kind": "adapter", "engine": "transformers", "uri": "models/tuned", "identity": {"weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "tokenizer": "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "template": ""}, "source": "a test", "licence": "Apache-2.0", "architecture": "LlamaForCausalLM", "parameters": 1, "context": 512, "customizations": {"lora": "", "full": ""}, "created": 1.0, "base": "base", "lineage": {"job": "aaaaaaaaaaaa", "base": "base", "base_identity": {"weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "tokenizer": "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "template": ""}, "method": "lora", "data_uri": "/data/train.jsonl", "data_hash": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "hyperparameters": {"epochs": 1}, "seed": 0, "versions": {"torch": "2.13.0"}, "curve": [{"step": 1, "epoch": 0, "training_loss": null, "validation_loss": null, "validation_metric": null}], "figures": {"tokens": 12.0}}, "imported": null}');
CREATE TABLE tags (
	resource VARCHAR(255) NOT NULL, 
	"key" VARCHAR(128) NOT NULL, 
	value VARCHAR(256) NOT NULL, 
	PRIMARY KEY (resource, "key")
);
INSERT INTO "tags" VALUES('evaluation-job/bbbbbbbbbbbb','team','it''s');
INSERT INTO "tags" VALUES('provisioned-model/cccccccccccc','team','b');
CREATE INDEX ix_jobs_status ON jobs (status);
CREATE INDEX ix_job_log_job ON job_log (job);
CREATE INDEX ix_models_base ON models (base);
CREATE INDEX ix_jobs_listing ON jobs (kind, created, number);
CREATE UNIQUE INDEX ix_jobs_token ON jobs (kind, token);
CREATE INDEX ix_deployments_wanted ON deployments (wanted);
CREATE INDEX ix_deployments_model ON deployments (model);
CREATE INDEX ix_deployments_listing ON deployments (kind, created, number);
CREATE UNIQUE INDEX ix_deployments_token ON deployments (kind, token);
