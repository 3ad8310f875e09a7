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

// rounds is in how many parts the time of each measurement is cut. The ways take turns, so that
// what else the machine does meets all of them.
const rounds = 2

// lane is an open way, with a bot of its own at its end, and what was measured of it.
type lane struct {
	way
	from *sender
	bot  *sink
	end  func() error

	took      [][]time.Duration // by rate
	passed    int               // updates of the floods
	passedFor time.Duration
}

// run measures each way, and prints tables.
func (m measurement) run(ctx context.Context, out io.Writer) (err error) {
	var lanes []*lane
	defer func() {
		for _, l := range lanes {
			err = errors.Join(err, l.end())
		}
	}()
	for _, w := range ways {
		l, err := openLane(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		l.took = make([][]time.Duration, len(m.rates))
		lanes = append(lanes, l)
	}
	for n := range m.rates {
		if err := inTurns(lanes, func(l *lane) error { return m.steady(ctx, l, n) }); err != nil {
			return err
		}
	}
	if err := inTurns(lanes, func(l *lane) error { return m.flood(ctx, l) }); err != nil {
		return err
	}
	m.print(out, lanes)
	return nil
}

// inTurns measures something of each way.
func inTurns(lanes []*lane, measure func(*lane) error) error {
	for range rounds {
		for _, l := range lanes {
			if err := measure(l); err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
	}
	return nil
}

// openLane opens a way.
func openLane(ctx context.Context, w way) (l *lane, err error) {
	dir, err := os.MkdirTemp("", "serve-")
	if err != nil {
		return nil, err
	}
	l = &lane{way: w, end: func() error { return os.RemoveAll(dir) }}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.end())
		}
	}()
	if l.bot, err = newSink(ctx, nil); err != nil {
		return nil, err
	}
	h, end, err := w.open(ctx, dir, l.bot.address)
	if err != nil {
		return nil, errors.Join(err, l.bot.server.Close())
	}
	l.from = &sender{hooks: []hook{h}, connections: connections}
	l.end = func() error { return errors.Join(end(), l.bot.server.Close(), os.RemoveAll(dir)) }
	return l, nil
}

// steady measures how long updates take at a rate.
func (m measurement) steady(ctx context.Context, l *lane, n int) error {
	if _, err := l.bot.round(ctx, l.from, m.rates[n], warmUp); err != nil {
		return err
	}
	taken, err := l.bot.round(ctx, l.from, m.rates[n], m.lasts/rounds)
	l.took[n] = append(l.took[n], taken...)
	return err
}

// flood measures how many updates pass.
func (m measurement) flood(ctx context.Context, l *lane) error {
	before, started := l.from.accepted.Load(), clock()
	flooding, stop := context.WithTimeout(ctx, m.lasts/rounds)
	l.from.flood(flooding)
	stop()
	if err := l.bot.await(ctx, int(l.from.accepted.Load()-before)); err != nil {
		return err
	}
	taken, last := l.bot.reset()
	l.passed, l.passedFor = l.passed+len(taken), l.passedFor+last-started
	return nil
}

func (l *lane) throughput() float64 { return float64(l.passed) / l.passedFor.Seconds() }

// print prints what each way adds to the first one.
func (m measurement) print(out io.Writer, lanes []*lane) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "updates/s\tway\tmedian\tp99\tadds, median\tadds, p99\t")
	for n, rate := range m.rates {
		median, p99 := quantile(lanes[0].took[n], 0.5), quantile(lanes[0].took[n], 0.99)
		for _, l := range lanes {
			its, itsP99 := quantile(l.took[n], 0.5), quantile(l.took[n], 0.99)
			fmt.Fprintf(table, "%.0f\t%s\t%s\t%s\t%s\t%s\t\n", rate, l.name, ms(its), ms(itsP99), ms(its-median), ms(itsP99-p99))
		}
	}
	fmt.Fprintln(table, "\t\t\t\t\t\t")
	fmt.Fprintln(table, "as many as it takes\tway\tupdates/s\tof nginx's\trefused\t\t")
	for _, l := range lanes {
		fmt.Fprintf(table, "\t%s\t%.0f\t%.2f\t%d\t\t\n", l.name, l.throughput(), l.throughput()/lanes[0].throughput(), l.from.refused.Load())
	}
	_ = table.Flush()
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// throughGateway starts a gateway.
func throughGateway(ctx context.Context, dir, bot string, storage object, env ...string) (h hook, end func() error, err error) {
	tg, err := tghooktest.Start(tghooktest.ServerConfig{Warn: func(string) {}})
	if err != nil {
		return h, nil, err
	}
	g, err := newGateway(ctx, dir, "gateway", object{
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
