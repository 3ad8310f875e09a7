package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/tghook/tghook/internal/test/engine"
	"github.com/tghook/tghook/tghooktest"
)

// measurement says what is measured.
type measurement struct {
	rates []float64     // updates per second
	lasts time.Duration // each of them, and the flood
}

// warmUp is how long updates are sent before those that count.
const warmUp = 2 * time.Second

// way is a way from Telegram to the bot.
type way struct {
	name string
	// open opens it, and returns the webhook that it ends at. It leaves its files in dir.
	open func(ctx context.Context, dir, bot string) (h hook, end func() error, err error)
}

var ways = []way{
	{"nginx", throughNginx},
	{"tghook, SQLite", func(ctx context.Context, dir, bot string) (hook, func() error, error) {
		h, end, err := throughGateway(ctx, dir, bot, object{"path": filepath.Join(dir, "storage")})
		return h, end, err
	}},
	{"tghook, PostgreSQL", throughPostgres},
}

// figures are what was measured of a way.
type figures struct {
	way        string
	median     []time.Duration // by rate
	p99        []time.Duration
	throughput float64 // updates per second
	refused    int64   // answers that were not 2xx
}

// run measures each way, and prints tables.
func (m measurement) run(ctx context.Context, out io.Writer) error {
	var all []figures
	for _, w := range ways {
		f, err := m.measure(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		all = append(all, f)
	}
	m.print(out, all)
	return nil
}

// print prints what each way adds to the first one.
func (m measurement) print(out io.Writer, all []figures) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "updates/s\tway\tmedian\tp99\tadds, median\tadds, p99\t")
	for i, rate := range m.rates {
		for _, f := range all {
			fmt.Fprintf(table, "%.0f\t%s\t%s\t%s\t%s\t%s\t\n", rate, f.way, ms(f.median[i]), ms(f.p99[i]), ms(f.median[i]-all[0].median[i]), ms(f.p99[i]-all[0].p99[i]))
		}
	}
	fmt.Fprintln(table, "\t\t\t\t\t\t")
	fmt.Fprintln(table, "as many as it takes\tway\tupdates/s\tof nginx's\trefused\t\t")
	for _, f := range all {
		fmt.Fprintf(table, "\t%s\t%.0f\t%.2f\t%d\t\t\n", f.way, f.throughput, f.throughput/all[0].throughput, f.refused)
	}
	_ = table.Flush()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// measure measures a way.
func (m measurement) measure(ctx context.Context, w way) (f figures, err error) {
	dir, err := os.MkdirTemp("", "serve-")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	bot, err := newSink(ctx, nil)
	if err != nil {
		return f, err
	}
	defer bot.server.Close()
	h, end, err := w.open(ctx, dir, bot.address)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, end()) }()
	f.way = w.name
	s := &sender{hooks: []hook{h}, connections: connections}
	for _, rate := range m.rates {
		if _, err := bot.round(ctx, s, rate, warmUp); err != nil {
			return f, err
		}
		taken, err := bot.round(ctx, s, rate, m.lasts)
		if err != nil {
			return f, err
		}
		f.median, f.p99 = append(f.median, quantile(taken, 0.5)), append(f.p99, quantile(taken, 0.99))
	}
	before, started := s.accepted.Load(), clock()
	flooding, stop := context.WithTimeout(ctx, m.lasts)
	s.flood(flooding)
	stop()
	sent := int(s.accepted.Load() - before)
	if err := bot.await(ctx, sent); err != nil {
		return f, err
	}
	taken, last := bot.reset()
	f.throughput, f.refused = float64(len(taken))/(last-started).Seconds(), s.refused.Load()
	return f, nil
}

// throughGateway starts a gateway.
func throughGateway(ctx context.Context, dir, bot string, storage object, env ...string) (h hook, end func() error, err error) {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{Warn: func(string) {}})
	if err != nil {
		return h, nil, err
	}
	g, err := newGateway(ctx, dir, "gateway", "", object{
		"storage": storage, "api": tg.URL,
		"bots": object{"shop": object{"token": object{"env": "BOT_TOKEN"}, "to": "http://" + bot + "/"}},
	}, append(env, "BOT_TOKEN="+tg.Token)...)
	if err != nil {
		tg.Close()
		return h, nil, err
	}
	end = func() error {
		defer tg.Close()
		return errors.Join(g.alive(), g.stop())
	}
	if err = g.ready(ctx, tg); err == nil {
		h, err = hookOf(tg)
	}
	if err != nil {
		return h, nil, errors.Join(err, end())
	}
	return h, end, nil
}

// throughPostgres starts a gateway and its database.
func throughPostgres(ctx context.Context, dir, bot string) (h hook, end func() error, err error) {
	server, err := engine.StartPostgres(ctx, dir, engine.PostgresConfig{})
	if err != nil {
		return h, nil, err
	}
	h, endGateway, err := throughGateway(ctx, dir, bot, object{"postgres": object{"env": "BOT_DATABASE"}}, "BOT_DATABASE="+server.URL)
	if err != nil {
		return h, nil, errors.Join(err, server.Close())
	}
	return h, func() error { return errors.Join(endGateway(), server.Close()) }, nil
}

// nginxConfig is that of docs/nginx.conf, without TLS, which would be the same for all ways.
const nginxConfig = `
worker_processes auto;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	upstream bot {
		server %s;
		keepalive 100;
	}
	server {
		listen %s;
		client_header_timeout 75s;
		keepalive_timeout 75s;
		keepalive_requests 1000000;
		client_max_body_size 2m;
		client_body_buffer_size 1m;
		proxy_http_version 1.1;
		proxy_set_header Connection "";
		proxy_set_header Host $http_host;
		proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
		location / {
			proxy_pass http://bot;
		}
	}
}
`

// throughNginx starts nginx.
func throughNginx(ctx context.Context, dir, bot string) (h hook, end func() error, err error) {
	path, err := exec.LookPath("nginx")
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return h, nil, fmt.Errorf("nginx is not installed; make programs installs it: %w", err)
		}
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return h, nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "nginx.conf"), fmt.Appendf(nil, nginxConfig, bot, address), 0o600); err != nil {
		return h, nil, err
	}
	settings := "daemon off;"
	if os.Getuid() == 0 {
		settings += " user root;" // the folder is root's alone
	}
	p, err := startProcess("nginx", filepath.Join(dir, "nginx.log"), nil, path, "-p", dir, "-c", "nginx.conf", "-g", settings)
	if err != nil {
		return h, nil, err
	}
	if err := p.answers(ctx, address); err != nil {
		p.kill()
		return h, nil, err
	}
	return hook{address: address, path: "/", secret: "a-secret", chat: 1}, func() error { return errors.Join(p.alive(), p.stop()) }, nil
}
