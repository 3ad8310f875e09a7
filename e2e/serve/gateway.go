package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tghook/tghook/internal/retry"
	"github.com/tghook/tghook/tghooktest"
)

// patience is how long something may take that must happen.
const patience = time.Minute

// object is a part of a configuration.
type object map[string]any

// gateway is a place for a process of `tghook serve`. Its addresses stay the same when the process
// is killed and started again.
type gateway struct {
	*process

	name   string
	listen string // where webhooks come in
	status string // of /readyz and /metrics
	dir    string // of its files
	env    []string
}

// newGateway writes the configuration of a gateway into a folder, and starts it. If cfg has no url,
// Telegram reaches it directly. If it has an empty one, Telegram does not: the gateway polls.
func newGateway(ctx context.Context, dir, name string, cfg object, env ...string) (g *gateway, err error) {
	g = &gateway{name: name, dir: dir, env: env}
	if g.listen, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	if g.status, err = freeAddress(ctx); err != nil {
		return nil, err
	}
	all := object{"url": "http://" + g.listen, "listen": g.listen, "status": object{"listen": g.status}, "api_local": true}
	maps.Copy(all, cfg)
	if all["url"] == "" {
		delete(all, "url")
	}
	text, err := json.MarshalIndent(all, "", "  ") // which is YAML too
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(g.config(), text, 0o600); err != nil {
		return nil, err
	}
	return g, g.start()
}

func (g *gateway) config() string { return filepath.Join(g.dir, g.name+".yaml") }

// start starts the process.
func (g *gateway) start() error {
	path, err := commandPath()
	if err != nil {
		return err
	}
	g.process, err = startProcess(g.name, filepath.Join(g.dir, g.name+".log"), g.env, path, "serve", "--config", g.config())
	return err
}

// pendings are two values of max_pending in a configuration.
var pendings = []int{90_000, 91_000}

// reload changes max_pending in the configuration, tells the gateway to read it, and waits until it
// has. Until a gateway is ready, the signal would end it.
func (g *gateway) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := g.ready(ctx); err != nil {
		return err
	}
	before, _ := g.gauge(ctx, reloads) // it is not there before the first one
	text, err := os.ReadFile(g.config())
	if err != nil {
		return err
	}
	one, other := strconv.Itoa(pendings[0]), strconv.Itoa(pendings[1])
	changed := strings.NewReplacer(one, other, other, one).Replace(string(text))
	if err := os.WriteFile(g.config(), []byte(changed), 0o600); err != nil { //nolint:gosec // the path is of this process
		return err
	}
	if err := g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		return err
	}
	for {
		if n, err := g.gauge(ctx, reloads); err == nil && n > before {
			return nil
		}
		if err := g.alive(); err != nil {
			return err
		}
		if err := retry.Sleep(ctx, 10*time.Millisecond); err != nil {
			return fmt.Errorf("%s has not read its configuration: %w", g.name, err)
		}
	}
}

// ready waits until the gateway says that it is, and the bots that are given have their webhooks.
func (g *gateway) ready(ctx context.Context, bots ...*tghooktest.Server) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		problem := g.problem(ctx, bots)
		if problem == nil {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-g.ended:
			return g.alive()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", g.name, problem, g.lastOutput())
		}
	}
}

// problem returns why the gateway is not ready.
func (g *gateway) problem(ctx context.Context, bots []*tghooktest.Server) error {
	if _, err := get(ctx, "http://"+g.status+"/readyz"); err != nil {
		return err
	}
	for _, bot := range bots {
		var hook struct {
			URL string `json:"url"`
		}
		if err := json.Unmarshal(bot.Info().Webhook, &hook); err != nil {
			return err
		}
		if hook.URL == "" {
			return fmt.Errorf("the bot %d has no webhook", bot.Info().ID)
		}
	}
	return nil
}

// gauge returns the sum of a metric over all bots. The metric must be there.
func (g *gateway) gauge(ctx context.Context, name string) (sum float64, err error) {
	text, err := get(ctx, "http://"+g.status+"/metrics")
	if err != nil {
		return 0, err
	}
	known := false
	for line := range strings.SplitSeq(text, "\n") {
		if !strings.HasPrefix(line, name+"{") {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("the metric %q: %w", line, err)
		}
		sum, known = sum+value, true
	}
	if !known {
		return 0, fmt.Errorf("%s has no metric %s", g.name, name)
	}
	return sum, nil
}

// The metrics that the trials read.
const (
	waiting     = "tghook_serve_queue_updates"
	deadLetters = "tghook_serve_queue_dead_letters"
	reloads     = "tghook_serve_reloads_total"
)

// counting is how old these metrics may be.
const counting = 6 * time.Second

// get returns what a GET answers.
func get(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", url, resp.Status, text)
	}
	return string(text), err
}
