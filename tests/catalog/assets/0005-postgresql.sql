SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.aliases (
    alias character varying(255) NOT NULL,
    model character varying(255) NOT NULL
);
CREATE TABLE public.configurations (
    name character varying(64) NOT NULL,
    document json NOT NULL
);
CREATE TABLE public.deployments (
    number integer NOT NULL,
    id character varying(12) NOT NULL,
    name character varying(63) NOT NULL,
    kind character varying(32) NOT NULL,
    model character varying(255) NOT NULL,
    wanted character varying(255) NOT NULL,
    units integer NOT NULL,
    status character varying(16) NOT NULL,
    error text NOT NULL,
    updated_to character varying(255) NOT NULL,
    description text NOT NULL,
    commitment character varying(32) NOT NULL,
    created double precision NOT NULL,
    changed double precision NOT NULL,
    asked json,
    token character varying(256)
);
CREATE SEQUENCE public.deployments_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.deployments_number_seq OWNED BY public.deployments.number;
CREATE TABLE public.job_log (
    entry integer NOT NULL,
    job character varying(12) NOT NULL,
    "time" double precision NOT NULL,
    level character varying(16) NOT NULL,
    text text NOT NULL
);
CREATE SEQUENCE public.job_log_entry_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.job_log_entry_seq OWNED BY public.job_log.entry;
CREATE TABLE public.jobs (
    number integer NOT NULL,
    id character varying(12) NOT NULL,
    name character varying(255) NOT NULL,
    kind character varying(32) NOT NULL,
    status character varying(16) NOT NULL,
    request json NOT NULL,
    result json,
    error text DEFAULT ''::text NOT NULL,
    progress json NOT NULL,
    checkpoint json,
    fence integer DEFAULT 0 NOT NULL,
    host character varying(255),
    pid integer,
    pid_started double precision,
    lease_until double precision DEFAULT '0'::double precision NOT NULL,
    restarts json NOT NULL,
    created double precision NOT NULL,
    started double precision DEFAULT '0'::double precision NOT NULL,
    ended double precision DEFAULT '0'::double precision NOT NULL,
    renewed double precision DEFAULT '0'::double precision NOT NULL,
    asked json,
    token character varying(256)
);
CREATE SEQUENCE public.jobs_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.jobs_number_seq OWNED BY public.jobs.number;
CREATE TABLE public.keys (
    number integer NOT NULL,
    id character varying(32) NOT NULL,
    kind character varying(16) NOT NULL,
    name character varying(255) NOT NULL,
    sealed text NOT NULL,
    created double precision NOT NULL,
    expires double precision,
    revoked double precision
);
CREATE SEQUENCE public.keys_number_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.keys_number_seq OWNED BY public.keys.number;
CREATE TABLE public.models (
    name character varying(255) NOT NULL,
    base character varying(255),
    document json NOT NULL
);
CREATE TABLE public.tags (
    resource character varying(255) NOT NULL,
    key character varying(128) NOT NULL,
    value character varying(256) NOT NULL
);
ALTER TABLE ONLY public.deployments ALTER COLUMN number SET DEFAULT nextval('public.deployments_number_seq'::regclass);
ALTER TABLE ONLY public.job_log ALTER COLUMN entry SET DEFAULT nextval('public.job_log_entry_seq'::regclass);
ALTER TABLE ONLY public.jobs ALTER COLUMN number SET DEFAULT nextval('public.jobs_number_seq'::regclass);
ALTER TABLE ONLY public.keys ALTER COLUMN number SET DEFAULT nextval('public.keys_number_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0005');
INSERT INTO public.aliases VALUES ('short', 'base');
INSERT INTO public.configurations VALUES ('logging', '{"s3Config": {"bucketName": "it''s-here"}}');
INSERT INTO public.deployments VALUES (1, 'cccccccccccc', 'gneiss', 'provisioned-throughput', 'tuned', 'base', 2, 'updating', '', 'base', '', 'OneMonth', 3, 3.5, '{"provisionedModelName": "gneiss"}', 'once');
INSERT INTO public.job_log VALUES (1, 'aaaaaaaaaaaa', 1700000100.5, 'info', 'training on cpu');
INSERT INTO public.job_log VALUES (2, 'aaaaaaaaaaaa', 1700000100.5, 'info', 'done: “tuned”');
INSERT INTO public.jobs VALUES (1, 'aaaaaaaaaaaa', 'customize-tuned', 'customization', 'done', '{"model": "tuned", "base": "base", "train": {"path": "/data/it''s \"here\".jsonl", "hash": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"}}', '{"model": "tuned", "curve": []}', '', '{"phase": "", "done": 0, "total": 0, "rate": 0.0, "rate_unit": "", "eta": null, "figures": {}}', '{"step": 1, "keys": ["jobs/aaaaaaaaaaaa/checkpoints/1-2"]}', 2, 'elsewhere', 4242, 1700000000.25, 0, '["its worker is gone"]', 1, 1700000100.5, 1700000100.5, 1700000100.5, NULL, NULL);
INSERT INTO public.jobs VALUES (2, 'bbbbbbbbbbbb', 'prüfung', 'evaluation', 'queued', '{"models": ["base", "tuned"], "task": "summarization"}', NULL, '', '{"phase": "", "done": 0, "total": 0, "rate": 0.0, "rate_unit": "", "eta": null, "figures": {}}', NULL, 0, NULL, NULL, NULL, 0, '[]', 2, 0, 0, 0, '{"jobName": "pr\u00fcfung", "jobTags": []}', 'once');
INSERT INTO public.keys VALUES (1, 'AKIAAAAAAAAAAAAAAAAA', 'access', 'CI’s', 'sealed', 1, 2.5, NULL);
INSERT INTO public.keys VALUES (2, 'BEARAAAAAAAAAAAAAAAA', 'bearer', '', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', 1.5, NULL, 1700000100.5);
INSERT INTO public.models VALUES ('base', NULL, '{"name": "base", "kind": "base", "engine": "transformers", "uri": "models/base", "identity": {"weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "tokenizer": "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "template": ""}, "source": "a test", "licence": "Apache-2.0", "architecture": "LlamaForCausalLM", "parameters": 1, "context": 512, "customizations": {"lora": "", "full": ""}, "created": 1.0, "base": null, "lineage": null, "imported": null}');
INSERT INTO public.models VALUES ('tuned', 'base', '{"name": "tuned", "kind": "adapter", "engine": "transformers", "uri": "models/tuned", "identity": {"weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "tokenizer": "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "template": ""}, "source": "a test", "licence": "Apache-2.0", "architecture": "LlamaForCausalLM", "parameters": 1, "context": 512, "customizations": {"lora": "", "full": ""}, "created": 1.0, "base": "base", "lineage": {"job": "aaaaaaaaaaaa", "base": "base", "base_identity": {"weights": "wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww", "tokenizer": "tttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttttt", "template": ""}, "method": "lora", "data_uri": "/data/train.jsonl", "data_hash": "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd", "hyperparameters": {"epochs": 1}, "seed": 0, "versions": {"torch": "2.13.0"}, "curve": [{"step": 1, "epoch": 0, "training_loss": null, "validation_loss": null, "validation_metric": null}], "figures": {"tokens": 12.0}}, "imported": null}');
INSERT INTO public.tags VALUES ('evaluation-job/bbbbbbbbbbbb', 'team', 'it''s');
INSERT INTO public.tags VALUES ('provisioned-model/cccccccccccc', 'team', 'b');
SELECT pg_catalog.setval('public.deployments_number_seq', 1, true);
SELECT pg_catalog.setval('public.job_log_entry_seq', 2, true);
SELECT pg_catalog.setval('public.jobs_number_seq', 2, true);
SELECT pg_catalog.setval('public.keys_number_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT aliases_pkey PRIMARY KEY (alias);
ALTER TABLE ONLY public.configurations
    ADD CONSTRAINT configurations_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_id_key UNIQUE (id);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_name_key UNIQUE (name);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.job_log
    ADD CONSTRAINT job_log_pkey PRIMARY KEY (entry);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_id_key UNIQUE (id);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_name_key UNIQUE (name);
ALTER TABLE ONLY public.jobs
    ADD CONSTRAINT jobs_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_id_key UNIQUE (id);
ALTER TABLE ONLY public.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.tags
    ADD CONSTRAINT tags_pkey PRIMARY KEY (resource, key);
CREATE INDEX ix_deployments_listing ON public.deployments USING btree (kind, created, number);
CREATE INDEX ix_deployments_model ON public.deployments USING btree (model);
CREATE UNIQUE INDEX ix_deployments_token ON public.deployments USING btree (kind, token);
CREATE INDEX ix_deployments_wanted ON public.deployments USING btree (wanted);
CREATE INDEX ix_job_log_job ON public.job_log USING btree (job);
CREATE INDEX ix_jobs_listing ON public.jobs USING btree (kind, created, number);
CREATE INDEX ix_jobs_status ON public.jobs USING btree (status);
CREATE UNIQUE INDEX ix_jobs_token ON public.jobs USING btree (kind, token);
CREATE INDEX ix_models_base ON public.models USING btree (base);
ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT aliases_model_fkey FOREIGN KEY (model) REFERENCES public.models(name) ON DELETE CASCADE;
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_model_fkey FOREIGN KEY (model) REFERENCES public.models(name);
ALTER TABLE ONLY public.deployments
    ADD CONSTRAINT deployments_wanted_fkey FOREIGN KEY (wanted) REFERENCES public.models(name);
ALTER TABLE ONLY public.job_log
    ADD CONSTRAINT job_log_job_fkey FOREIGN KEY (job) REFERENCES public.jobs(id) ON DELETE CASCADE;
