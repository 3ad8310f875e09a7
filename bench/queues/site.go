//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tghook/tghook/internal/test/engine"
)

// site has the folder of the databases, and the server of PostgreSQL, which all rounds share.
type site struct {
	dir      string
	postgres *engine.Server
	names    int // of files and schemas that were given out
}

func newSite() (*site, error) {
	dir, err := os.MkdirTemp("", "queues")
	return &site{dir: dir}, err
}

func (s *site) close() (err error) {
	if s.postgres != nil {
		err = s.postgres.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}

// file returns the path of a new database.
func (s *site) file() string {
	s.names++
	return filepath.Join(s.dir, fmt.Sprintf("%d.db", s.names))
}

// pool returns connections to a PostgreSQL server, and the name of a new schema there. The
// server has its own settings but for the number of connections. Each commit waits for the disk.
func (s *site) pool(ctx context.Context, connections int) (pool *pgxpool.Pool, schema string, err error) {
	if s.postgres == nil {
		dir := filepath.Join(s.dir, "postgres")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(s.dir, 0o711)); err != nil { //nolint:gosec // the server's user must enter it
			return nil, "", err
		}
		if s.postgres, err = engine.StartPostgres(ctx, dir, engine.PostgresConfig{}); err != nil {
			return nil, "", err
		}
	}
	pool, err = pgxpool.New(ctx, fmt.Sprintf("%s&pool_max_conns=%d", s.postgres.URL, connections))
	if err != nil {
		return nil, "", err
	}
	s.names++
	schema = fmt.Sprintf("bench%d", s.names)
	if _, err := pool.Exec(ctx, "CREATE SCHEMA "+schema); err != nil {
		pool.Close()
		return nil, "", err
	}
	return pool, schema, nil
}

// postgresCPU returns the CPU time that the processes of the server have used. It reads Linux's
// /proc.
func (s *site) postgresCPU() (total time.Duration, err error) {
	text, err := os.ReadFile(filepath.Join(s.dir, "postgres", "data", "postmaster.pid"))
	if err != nil {
		return 0, err
	}
	server, _, _ := strings.Cut(string(text), "\n")
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		return 0, errors.Join(err, errors.New("/proc has no processes: this measurement needs Linux"))
	}
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // one of /proc
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // behind the name
		pid := filepath.Base(filepath.Dir(file))
		last := 13 // its own time; the server's has that of processes that have ended too
		if pid == server {
			last = 15
		} else if fields[1] != server {
			continue
		}
		for _, field := range fields[11:last] {
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", file, err)
			}
			total += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return total, nil
}

// cpuTime returns the CPU time that this process has used.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
