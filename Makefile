.DEFAULT_GOAL := help

FUZZTIME ?= 30s
COMPOSE  := docker compose -f deploy/compose.yaml
GATEWAY  := go run ./cmd/wabagate

.PHONY: help run test race lint fuzz bench chaos screenshots build migrate compose/up compose/down clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z\/]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## the whole gateway in one process, with a demo business; needs nothing but Go
	$(GATEWAY) demo

# testenv is built rather than run with "go run", which would swallow its signals and its exit code.
test: ## every test, against real Postgres, Redis and a browser (started, or installed, as needed)
	@go build -o bin/testenv ./cmd/testenv
	@bin/testenv -install -- go test -timeout 15m ./...

race: ## the same with the race detector, which takes twice the time
	@go build -o bin/testenv ./cmd/testenv
	@bin/testenv -install -- go test -race -timeout 30m ./...

lint: ## gofmt, go vet and staticcheck
	@unformatted=$$(gofmt -l .); test -z "$$unformatted" || { echo "needs gofmt:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	go tool -modfile=.ci/tools.mod staticcheck ./...

# Go before 1.27 sometimes calls the end of the time a failure (go.dev/issue/75804), hence the second try. It hides
# nothing: an input that fails is kept under testdata and fails the second try at once.
fuzz: ## every fuzz target for FUZZTIME (30s) each
	@grep -rlE --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u | while read -r package; do \
		for target in $$(go test -list '^Fuzz' "$$package" | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			run="go test -run ^$$target\$$ -fuzz ^$$target\$$ -fuzztime $(FUZZTIME) $$package"; \
			$$run </dev/null || $$run </dev/null || exit 1; \
		done || exit 1; \
	done

bench: ## measure the whole path beside its own limits
	$(GATEWAY) bench

# Built for the same reason as testenv: an interrupt has to reach it.
chaos: ## break stores, processes, receivers and clocks under traffic, and print the fault matrix (CHAOS=-quick: a minute of it)
	@go build -o bin/chaos ./cmd/chaos
	@bin/chaos $(CHAOS)

screenshots: ## the pictures of the README, from simulated data
	@go build -o bin/testenv ./cmd/testenv
	@WABAGATE_SCREENSHOTS=$(CURDIR)/api/dashboard/screenshots bin/testenv -install -- go test -count=1 -run '^TestScreenshots$$' ./cmd/wabagate

build: ## bin/wabagate, static
	CGO_ENABLED=0 go build -trimpath -o bin/wabagate ./cmd/wabagate

migrate: ## apply pending migrations to DATABASE_URL
	$(GATEWAY) migrate

compose/up: ## the gateway with Postgres and Redis in containers, on port 8080
	$(COMPOSE) up --build --wait

compose/down: ## end that again; the data stays
	$(COMPOSE) down

clean: ## remove what build and test left in bin
	rm -rf bin
