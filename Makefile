# HADR Lab: measure high availability instead of guessing it. `make` lists what there is.
SHELL := /bin/bash
.DEFAULT_GOAL := help
BIN := compose/bin

.PHONY: help
help: ## List these targets
	@printf 'HADR Lab: start a topology of model servers, load it, break it, and read what it cost.\n\n'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nBegin with: make up TOPOLOGY=2-active\n'

.PHONY: up
up: ## Start a topology (TOPOLOGY=3-active), wait until it is healthy, print the addresses
	@$(BIN)/up.sh "$(or $(TOPOLOGY),3-active)"

.PHONY: down
down: ## Stop the lab and remove its containers, networks and volumes
	@$(BIN)/down.sh

.PHONY: ps
ps: ## List the lab's containers
	@docker ps -a --filter "label=com.docker.compose.project=$(or $(HADR_PROJECT),hadr-lab)" \
	  --format 'table {{.Label "com.docker.compose.service"}}\t{{.Status}}\t{{.Ports}}'

.PHONY: logs
logs: ## Show and follow the logs (SERVICE=controller for one; FOLLOW=0 to end)
	@$(BIN)/logs.sh $(SERVICE)

.PHONY: topologies
topologies: ## List the topologies
	@$(BIN)/topologies.sh

.PHONY: topology
topology: ## Write a topology of your own: NAME=5-active ACTIVE=5 STANDBY=1
	@$(BIN)/topology.sh "$(NAME)" "$(ACTIVE)" "$(or $(STANDBY),0)"

.PHONY: check
check: ## Check a topology file without starting it (TOPOLOGY=3-active)
	@$(BIN)/engine.sh && $(BIN)/base-image.sh && $(BIN)/build.sh && $(BIN)/check.sh "$(or $(TOPOLOGY),3-active)" && echo "good"

.PHONY: stats
stats: ## Print the address of HAProxy's stats page, and the same table here
	@$(BIN)/lab.sh stats

.PHONY: watch
watch: ## Watch the servers and the controller's journal live
	@$(BIN)/lab.sh watch

.PHONY: loadtest
loadtest: ## Ramp the load until requests fail, print the rate (TRIALS=5 for a median; make help-loadtest)
	@$(BIN)/lab.sh loadtest

.PHONY: help-loadtest
help-loadtest: ## List the load test's variables
	@$(BIN)/lab-offline.sh loadtest --help-variables

.PHONY: loadtest-all
loadtest-all: ## Run the load test on single, 2-active and 3-active, TRIALS=3 times in turn; compare
	@$(BIN)/loadtest-all.sh

.PHONY: locust-ui
locust-ui: ## Open Locust's web interface against the lab, on 127.0.0.1:8089
	@LAB_RUN_OPTIONS="--publish 127.0.0.1:$(or $(HADR_LOCUST_PORT),8089):8089 $(LAB_RUN_OPTIONS)" $(BIN)/lab.sh locust-ui

.PHONY: chaos
chaos: ## Kill a server and tell what happened (TARGET=predictor-1, ROLE=standby, COUNT=2, FAULT=pause, LOAD=1)
	@CHAOS_RATE="$(or $(CHAOS_RATE),$(RATE))" $(BIN)/lab.sh chaos

.PHONY: experiment
experiment: ## Run a scenario, watch it, judge it (SCENARIO=kill-active, TRIALS=10, SEED=1)
	@$(BIN)/lab.sh experiment

.PHONY: experiments
experiments: ## Run every scenario on the topology that runs; a table of verdicts (about 15 minutes)
	@$(BIN)/lab.sh experiments

.PHONY: scenarios
scenarios: ## List the scenarios, yours in scenarios/ among them
	@$(BIN)/lab-offline.sh scenarios

.PHONY: report
report: ## Draw the report of an experiment or a load test again from its records (RUN=a folder of results/; else the newest)
	@$(BIN)/lab-offline.sh report $(RUN)

.PHONY: ledger
ledger: ## Print what became of the requests of an experiment (RUN=a folder of results/; else the newest)
	@$(BIN)/lab-offline.sh ledger $(RUN)

.PHONY: bench
bench: ## Measure what the lab promises; print a table, write JSON (about 75 minutes)
	@$(BIN)/bench.sh

.PHONY: measured
measured: ## Draw docs/measured.md from the newest benchmark, experiments and comparison in results/
	@$(BIN)/lab-offline.sh measured /docs

.PHONY: test
test: ## Run the tests: lint, types, unit, integration, end to end
	@$(BIN)/test.sh all

.PHONY: test-more
test-more: ## Run every shipped scenario on 2-active as a test (about 15 minutes)
	@$(BIN)/test.sh more

.PHONY: clean
clean: down ## Also remove the lab's images and its virtual environment (results stay)
	@docker image ls --quiet 'hadr-lab/*' | sort -u | xargs -r docker image rm -f >/dev/null
	@rm -rf .venv .build
