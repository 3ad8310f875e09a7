//go:build unix

package engine

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// PgBouncer starts a PgBouncer for a test, which gives each transaction one of two
// connections to a PostgreSQL server that asks for no password. It stops it when the test
// ends. If pgbouncer is not installed, it skips the test, and fails it in CI.
func PgBouncer(tb testing.TB, postgres *Server) *Server {
	tb.Helper()
	return open(tb, func(ctx context.Context, dir string) (*Server, error) {
		path, err := find("pgbouncer", "/usr/sbin")
		if err != nil {
			return nil, err
		}
		attr, err := postgresOwner(dir)
		if err != nil {
			return nil, err
		}
		host, postgresPort, err := net.SplitHostPort(postgres.Addr)
		if err != nil {
			return nil, err
		}
		return start(ctx, "postgres://postgres@%s/postgres?sslmode=disable", func(port int) (program, error) {
			file := filepath.Join(dir, "pgbouncer.ini")
			text := fmt.Sprintf("[databases]\n* = host=%s port=%s user=postgres\n"+
				"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\nauth_type = any\n"+
				"pool_mode = transaction\ndefault_pool_size = 2\n", host, postgresPort, port)
			addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
			return program{
				name: "pgbouncer", path: path, args: []string{file}, attr: attr, log: filepath.Join(dir, "pgbouncer.log"),
				ready: func(ctx context.Context) error { return postgresAnswers(ctx, addr) },
				ask:   syscall.SIGTERM,
			}, os.WriteFile(file, []byte(text), 0o644) // the user that it runs as reads it
		})
	})
}
