# Everything one types. Each target does all of its own set-up and asks nothing.
.PHONY: run dev build front test lint sbom bench soak fuzz scan html
.DEFAULT_GOAL := build

build: ## one file with its assets embedded: target/release/service-hooks
	@scripts/build

run: build ## the portal on http://127.0.0.1:3000 with SQLite in ./data
	@scripts/run

dev: ## the same as a debug build that rebuilds what you change and reloads open pages
	@scripts/dev

test: ## every test: rules, SQLite, PostgreSQL, browser
	@scripts/test

lint: ## spelling, links, scripts, format, clippy, documentation, minimum Rust, licences, advisories
	@scripts/lint

sbom: ## what the release is made of, as CycloneDX: target/sbom.cdx.json
	@node scripts/sbom.mjs

bench: ## how fast, beside what the machine can do; ARGS="throughput --seconds 3"
	@scripts/bench $(ARGS)

soak: ## the long tests: hours; FILTER=power runs a part of them
	@scripts/soak $(FILTER)

fuzz: ## half an hour of fuzzing; SECONDS=60 for each target, TARGET=form for one
	@scripts/fuzz $(or $(SECONDS),300) $(TARGET)

scan: ## scanners against a running server: its API's description, its pages, slow clients
	@scripts/scan

html: ## the W3C checker on every page of a realistic installation
	@scripts/html

front: ## the browser half only
	@scripts/build-front
