# Every target works on a clean clone with Go, git and a C compiler; the tools
# come by themselves, and the first run of a target that needs one builds it.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The tools and their pins. A changed pin, or another Go, builds anew.
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
STATICCHECK   := honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK   := golang.org/x/vuln/cmd/govulncheck@v1.1.4
D2            := oss.terrastruct.com/d2@v0.7.1
BENCHSTAT     := golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
APIDIFF       := golang.org/x/exp/cmd/apidiff@v0.0.0-20261113113407-e3970619a1a4

# What the end-to-end tests and benchmarks run; each is a Debian package of its name.
PROGRAMS := nginx haproxy wrk nodejs npm redis-server chromium
# Debian packages without a program of their name on the PATH.
PACKAGES := python3-python-telegram-bot postgresql pgbouncer rabbitmq-server php-cli systemd

# Where npm's packages are installed.
NPM := $(addsuffix /node_modules/.installed,$(patsubst %/package-lock.json,%,$(shell git ls-files '*/package-lock.json')))

# Settings: make test GOTESTFLAGS=-v, make fuzz FUZZTIME=1h, ...
GOTESTFLAGS ?=
MIN_COVER   ?= 90
FUZZTIME    ?= 10m
KILLTIME    ?= 5m
CHAOSTIME   ?= 5m
BENCH       ?= .
BENCHCOUNT  ?= 6
BENCHTIME   ?= 300ms
BENCHCPU    ?= 0

# All modules of the repository, as folders.
MODULES := $(sort $(patsubst %/,%,$(dir $(shell git ls-files --cached --others --exclude-standard 'go.mod' '*/go.mod'))))
# The oldest Go that the root promises to work with.
GO_LINE := $(shell awk '$$1 == "go" { print $$2 }' go.mod)

BIN   := .bin
GO    := $(shell go env GOVERSION)
each   = for m in $(MODULES); do echo "== $@: $$m"; (cd "$$m" && $(1)); done
# The path of a tool: .bin/<Go>/<version>/<name>.
tool   = $(BIN)/$(GO)/$(lastword $(subst @, ,$(1)))/$(notdir $(firstword $(subst @, ,$(1))))
define install
$(call tool,$(1)):
	GOBIN="$$(CURDIR)/$$(@D)" go install $(1)
endef
$(foreach t,$(GOLANGCI_LINT) $(STATICCHECK) $(GOVULNCHECK) $(BENCHSTAT) $(D2),$(eval $(call install,$(t))))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: test
test: deps-check ## all tests and examples of all modules with the race detector, each benchmark once
	@$(call each,go test -race -shuffle=on -timeout 20m $(GOTESTFLAGS) ./...)
	@cd examples/watermill && go test -shuffle=on -timeout 20m $(GOTESTFLAGS) ./rabbitmq # what the race detector cannot run
	@$(call each,go test -run '^$$' -bench . -benchtime 1x ./...)
	@$(found) chromium >/dev/null || echo "left out: the tests of the pages of tghook dev and serve (e2e/dev, e2e/serve), because chromium is not installed; make programs installs it"
	@for p in nginx haproxy; do \
	  $(found) $$p >/dev/null || echo "left out: the tests through $$p (e2e), because $$p is not installed; make programs installs it"; done; \
	$(found) node >/dev/null && ls $(NPM) >/dev/null 2>&1 || \
	  echo "left out: the tests with grammY and other libraries of npm, and with fauxqs (internal/thirdparty/clients, bench, backends/tgsqs, e2e/serve), because they or Node are not installed; make programs installs them"

# A user's PATH need not lead to where Debian puts nginx and HAProxy.
found = PATH="$$PATH:/usr/sbin" command -v

# Without them their tests are left out, except in CI.
.PHONY: programs
programs: ## install what the end-to-end tests run, from Debian's packages (as root) and npm's
	@missing=; for p in $(PROGRAMS); do $(found) $$p >/dev/null || missing+=" $$p"; done; \
	for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing+=" $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	    echo "not installed:$$missing. Ask root to install them (Debian: apt-get install$$missing)." >&2; \
	    echo "Then run make programs again: it installs the packages of npm, and needs no root for that." >&2; exit 1; fi; \
	  apt-get -qq update && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$missing; fi
	@$(MAKE) -s $(NPM)

# npm's packages of a folder, as its lock names them.
%/node_modules/.installed: %/package-lock.json
	@npm --prefix $* ci --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

.PHONY: deps-check
deps-check: ## fail if the root package links anything but the standard library
	@foreign=$$(GOWORK=off go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' . \
	  | awk '$$0 != "github.com/tghook/tghook" && index($$0, "github.com/tghook/tghook/") != 1'); \
	if [ -n "$$foreign" ]; then echo "the root package links more than the standard library:"; echo "$$foreign"; exit 1; fi

.PHONY: cover
cover: | $(BIN) ## fail if the tests cover less than MIN_COVER percent of the root and of its engine
	@go test -covermode atomic -coverpkg .,./internal/dispatch -coverprofile $(BIN)/cover.out . ./internal/dispatch ./internal/promise
	@go tool cover -func $(BIN)/cover.out | awk -v min=$(MIN_COVER) \
	  '/^total:/ { print "coverage of the root and its engine: " $$3 ", at least " min "% is wanted"; ok = $$3 + 0 >= min } END { exit !ok }'

# Go 1.25.0 and 1.25.1 mark the objects of a synctest bubble without a lock, so parallel
# bubbles crash the runtime now and then. 1.25.2 refuses URLs with IPv4 in IPv6.
GO_LINE_TESTS := $(patsubst 1.25.0,1.25.4,$(GO_LINE))

.PHONY: go-line
go-line: ## build the root with the oldest Go that go.mod promises, and run its tests, save those through proxies and the race detector, with the oldest that has sound bubbles
	GOWORK=off GOTOOLCHAIN=go$(GO_LINE) go build ./...
	GOWORK=off GOTOOLCHAIN=go$(GO_LINE_TESTS) go test -shuffle=on -timeout 20m $$(go list ./... | grep -v /e2e$$)

.PHONY: lint
lint: mod-check $(call tool,$(GOLANGCI_LINT)) $(call tool,$(STATICCHECK)) ## golangci-lint and staticcheck over all modules
	@"$(call tool,$(GOLANGCI_LINT))" run $(TOGETHER:%=%/...)
	@"$(call tool,$(STATICCHECK))" $(TOGETHER:%=%/...)
	@for m in $(APART); do echo "== $@: $$m"; (cd "$$m" && "$(CURDIR)/$(call tool,$(GOLANGCI_LINT))" run ./... && "$(CURDIR)/$(call tool,$(STATICCHECK))" ./...); done

# The modules of the workspace are linted together, so that what they share is read once.
TOGETHER := $(shell awk '$$1 == "." || $$1 ~ /^\.\// { print $$1 }' go.work)
APART    := $(filter-out $(TOGETHER:./%=%),$(MODULES))

.PHONY: mod-check
mod-check: ## fail if a go.mod is untidy, or a module builds only inside the workspace
	@$(call each,if [ "$$m" = $(COMMAND) ]; then $(alone) go mod tidy -diff && $(alone) go vet ./...; else GOWORK=off go mod tidy -diff && GOWORK=off go vet ./...; fi)

# The module of the command must have no replace, or nobody could install it. Outside the
# workspace it takes the tree's modules by a second go.mod, with replaces.
COMMAND := cmd/tghook
# What it requires of the tree beside the root.
SIBLINGS := /otel /backends/tgpostgres /backends/tgsqlite
alone = GOWORK=off GOFLAGS="$$(go env GOFLAGS) -modfile=$(CURDIR)/$(BIN)/command/go.mod"

.PHONY: tidy-command
tidy-command: $(BIN)/command/go.mod ## go mod tidy for cmd/tghook, which no replace leads to the tree
	cd $(COMMAND) && $(alone) go mod tidy
	cd $(COMMAND) && cp "$(CURDIR)"/$(BIN)/command/go.{mod,sum} . && go mod edit $(foreach s,$(SIBLINGS),-dropreplace github.com/tghook/tghook$(s)) -dropreplace github.com/tghook/tghook

mod-check: $(BIN)/command/go.mod
$(BIN)/command/go.mod: $(COMMAND)/go.mod $(COMMAND)/go.sum
	@mkdir -p $(@D) && cp $(COMMAND)/go.{mod,sum} $(@D) && go mod edit -replace github.com/tghook/tghook="$(CURDIR)" \
	  $(foreach s,$(SIBLINGS),-replace github.com/tghook/tghook$(s)="$(CURDIR)$(s)") $@

# RELEASING.md says when to use these three.
.PHONY: release-check
release-check: ## get and build every documented module as a user would, from a module proxy made of the tree
	@go run ./internal/release check

.PHONY: release-version
release-version: ## have every go.mod require its siblings at the newest version in CHANGELOG.md
	@go run ./internal/release require

$(eval $(call install,$(APIDIFF)))

.PHONY: apidiff
apidiff: $(call tool,$(APIDIFF)) ## fail if an API differs incompatibly from its last tag's, and CHANGELOG.md does not say so
	@bash .ci/apidiff "$(CURDIR)/$(call tool,$(APIDIFF))" $$(go run ./internal/release modules)

.PHONY: fmt
fmt: $(call tool,$(GOLANGCI_LINT)) ## format everything
	"$(call tool,$(GOLANGCI_LINT))" fmt

.PHONY: fmt-check
fmt-check: $(call tool,$(GOLANGCI_LINT)) ## fail if something is not formatted
	"$(call tool,$(GOLANGCI_LINT))" fmt --diff

# Not part of CI: the vulnerability database is on a network that CI may not have.
.PHONY: vuln
vuln: $(call tool,$(GOVULNCHECK)) ## known vulnerabilities (needs the network)
	@$(call each,"$(CURDIR)/$(call tool,$(GOVULNCHECK))" ./...)

# One pinned core, so that two runs can be compared; round by round, so that what the
# machine does meanwhile meets all alike; each benchmark in a process of its own, so
# that none is burdened with what another has left behind. taskset is Linux's; wrk loads the
# servers of bench/sockets, of which grammY's is one.
.PHONY: bench
bench: $(call tool,$(BENCHSTAT)) bench/grammy/node_modules/.installed ## benchmarks, BENCHCOUNT rounds on one core, and tables: doors, receivers, decoders, sockets, polls, rides, queues, abuse
	@command -v wrk >/dev/null || { echo "wrk is missing: apt-get install wrk" >&2; exit 1; }
	@cd bench && go test -c -o ../$(BIN)/bench.test . && for round in $$(seq $(BENCHCOUNT)); do \
	  for name in $$(../$(BIN)/bench.test -test.list '$(firstword $(subst /, ,$(BENCH)))' | grep '^Benchmark'); do \
	    GOMAXPROCS=1 $(if $(shell command -v taskset),taskset -c $(BENCHCPU)) ../$(BIN)/bench.test -test.run '^$$' \
	      -test.bench "^$$name\$$$(patsubst $(firstword $(subst /, ,$(BENCH)))%,%,$(BENCH))" -test.benchmem -test.benchtime $(BENCHTIME); \
	  done; done | tee ../$(BIN)/bench.txt
	@cd bench && go build -o ../$(BIN)/sockets ./sockets && ../$(BIN)/sockets -bench '$(BENCH)' | tee -a ../$(BIN)/bench.txt
	@cd bench && go build -o ../$(BIN)/queues ./queues && ../$(BIN)/queues -bench '$(BENCH)' | tee -a ../$(BIN)/bench.txt
	@cd bench && go build -o ../$(BIN)/abuse ./abuse && ../$(BIN)/abuse -bench '$(BENCH)' | tee ../$(BIN)/abuse.txt
	@"$(call tool,$(BENCHSTAT))" $(BIN)/bench.txt
	@cd bench && cat ../$(BIN)/{bench,abuse}.txt | go run ./table

# The short form of both is a test of e2e/replicas.
.PHONY: kill
kill: ## kill a bot again and again for KILLTIME while updates come, by webhook and by poll: nothing lost, nothing twice in a life
	@go run ./e2e/replicas -mode webhook,poll -for $(KILLTIME)

.PHONY: chaos-replicas
chaos-replicas: ## kill and stop two replicas and the Store that they share for CHAOSTIME, with each Store: nothing lost, nothing twice but as the lease says
	@go run ./e2e/replicas -mode redis,postgres,sqlite -for $(CHAOSTIME)

# The short form is a test of e2e/queues, and that of the 100 kills one of backends/tgsqlite.
# With CHAOSSEED=7 the same things are killed after the same number of updates.
.PHONY: chaos
chaos: ## kill receivers, workers and the engine of their queue while 20,000 updates come, with each engine; kill a spool 100 times: nothing lost, reordered or twice but what was in flight
	@go run ./e2e/queues $(if $(CHAOSSEED),-seed $(CHAOSSEED))
	@cd backends/tgsqlite && go test -count 1 -v -timeout 30m -run 'TestASpoolThatIsKilled|TestACopyOfARandomMoment|TestAFullFile|TestAFullDisk' . -kills 100 $(if $(CHAOSSEED),-seed $(CHAOSSEED))

# The short form is a test of e2e/serve. With CHAOSSEED=7 the same things are killed after the same
# number of updates.
.PHONY: chaos-serve
chaos-serve: ## kill the bot, the gateways and the database of tghook serve 100 times each while 20,000 updates come, with each engine: nothing lost, reordered or twice but what was in flight
	@go run ./e2e/serve $(if $(CHAOSSEED),-seed $(CHAOSSEED))

# Emoji need a font of their own (Debian: fonts-noto-color-emoji). Look at the pictures before you commit them.
.PHONY: screenshots
screenshots: ## make the pictures of docs/dev.md anew (needs chromium)
	@mkdir -p docs/dev && cd e2e/dev && go test -count 1 -run '^TestScreenshots$$' . -args -screenshots "$(CURDIR)/docs/dev"

# The clone has none of this machine's builds but Go's own cache: GOCACHE=$(mktemp -d) make newcomer does without that too.
.PHONY: newcomer
newcomer: ## how long it takes from a fresh clone until a bot's first reply is in the browser (needs chromium)
	@clone=$$(mktemp -d) && trap 'rm -rf "$$clone"' EXIT && git clone -q . "$$clone" && cd "$$clone" && \
	started=$$SECONDS && go build -o /dev/null ./cmd/tghook && echo "built in $$((SECONDS - started)) s" && \
	cd e2e/dev && go test -count 1 -v -run '^TestNewcomer$$' .

.PHONY: diagram
diagram: $(call tool,$(D2)) ## draw each docs/*.d2 as docs/*.svg
	@for f in docs/*.d2; do "$(call tool,$(D2))" --omit-version --elk-nodeNodeBetweenLayers 50 "$$f" "$${f%.d2}.svg"; done

# Not part of CI, where each fuzz test runs its seeds and stored inputs only.
.PHONY: fuzz
fuzz: ## every fuzz test for FUZZTIME
	@$(call each,go test -list '^Fuzz' ./... \
	  | awk '/^Fuzz/ { f[++n] = $$1 } /^ok/ { for (i = 1; i <= n; i++) print $$2 " " f[i]; n = 0 }' \
	  | while read -r package name; do echo "$$package $$name"; \
	      go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; done)

$(BIN):
	@mkdir -p $@
