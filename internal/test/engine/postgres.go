//go:build unix

package engine

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PostgresConfig says how a PostgreSQL server runs. It keeps PostgreSQL's defaults fsync on
// and synchronous_commit on, so that Kill loses no write that was answered.
type PostgresConfig struct {
	// Password is the password of the user postgres, and is in Server.URL. If empty, every
	// user may log in without one.
	Password string
	// Args are further arguments of postgres, such as "-c", "max_connections=20". They come
	// last.
	Args []string
}

// Postgres starts a PostgreSQL server for a test, and stops it when the test ends. If initdb
// is not installed, it skips the test, and fails it in CI. It takes some seconds. Tests had
// better share a server.
func Postgres(tb testing.TB, cfg PostgresConfig) *Server {
	tb.Helper()
	return open(tb, func(ctx context.Context, dir string) (*Server, error) { return StartPostgres(ctx, dir, cfg) })
}

// StartPostgres starts a PostgreSQL server whose files are in dir, which exists. Close stops
// it. If initdb is not installed, the error wraps exec.ErrNotFound.
//
// PostgreSQL does not run as root. If this process does, the server runs as the user
// postgres, who becomes the owner of dir and must be able to enter the folders above.
func StartPostgres(ctx context.Context, dir string, cfg PostgresConfig) (*Server, error) {
	initdb, err := find("initdb", debianPostgres()...)
	if err != nil {
		return nil, err
	}
	attr, err := postgresOwner(dir)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := initPostgres(ctx, initdb, data, cfg.Password, attr); err != nil {
		return nil, err
	}
	login := "postgres"
	if cfg.Password != "" {
		login += ":" + cfg.Password
	}
	return start(ctx, "postgres://"+login+"@%s/postgres?sslmode=disable", func(port int) (program, error) {
		args := append([]string{
			"-D", data, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", "",
			"-c", "dynamic_shared_memory_type=mmap", // leaves nothing outside dir
		}, cfg.Args...)
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return program{
			name: "postgres", path: filepath.Join(filepath.Dir(initdb), "postgres"), args: args,
			attr: attr, log: filepath.Join(dir, "postgres.log"),
			ready: func(ctx context.Context) error { return postgresAnswers(ctx, addr) },
			ask:   syscall.SIGINT,
		}, nil
	})
}

// debianPostgres returns the folders where Debian keeps the programs, the newest version
// first.
func debianPostgres() []string {
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	version := func(folder string) int {
		v, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return v
	}
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	return folders
}

// postgresOwner returns how to start a program as the user that the server runs as. It makes
// that user the owner of dir.
func postgresOwner(dir string) (syscall.SysProcAttr, error) {
	if os.Geteuid() != 0 {
		return syscall.SysProcAttr{}, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return syscall.SysProcAttr{}, fmt.Errorf("PostgreSQL does not run as root: %w", err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	owner := &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return syscall.SysProcAttr{Credential: owner}, os.Chown(dir, int(uid), int(gid))
}

// initPostgres makes the files of a new server.
func initPostgres(ctx context.Context, initdb, data, password string, attr syscall.SysProcAttr) error {
	args := []string{"-D", data, "-U", "postgres", "-A", "trust", "--locale=C", "-E", "UTF8", "--no-sync", "--wal-segsize=1"}
	if password != "" {
		file := filepath.Join(filepath.Dir(data), "password")
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			return err
		}
		if owner := attr.Credential; owner != nil {
			if err := os.Chown(file, int(owner.Uid), int(owner.Gid)); err != nil {
				return err
			}
		}
		args = append(args, "--auth-host=scram-sha-256", "--pwfile="+file)
	}
	cmd := exec.CommandContext(ctx, initdb, args...)
	cmd.Dir = filepath.Dir(data)
	cmd.SysProcAttr = &attr
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", initdb, err, text)
	}
	return nil
}

// postgresAnswers returns nil if the server lets the user postgres in, or asks for the
// password.
func postgresAnswers(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	// The startup message: its length, version 3.0 of the protocol, and parameters.
	const parameters = "user\x00postgres\x00database\x00postgres\x00\x00"
	hello := binary.BigEndian.AppendUint32(nil, uint32(8+len(parameters)))
	hello = binary.BigEndian.AppendUint32(hello, 3<<16)
	if _, err := conn.Write(append(hello, parameters...)); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return err
	}
	if answer[0] == 'R' { // the authentication
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(conn, 4<<10))
	return errors.New(strings.ToValidUTF8(strings.ReplaceAll(string(text), "\x00", " "), ""))
}
