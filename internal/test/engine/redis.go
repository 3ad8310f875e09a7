//go:build unix

package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisConfig says how a Redis server runs. It always has appendonly yes.
type RedisConfig struct {
	// Fsync is the appendfsync of the server. The default is everysec.
	//
	// With always, Kill loses no write that was answered. With everysec, Redis hands a write
	// to the kernel before it answers, so that Kill loses none either, but for one case:
	// while an fsync in the background takes long, Redis answers up to two seconds of writes
	// that it has not handed over. They are lost by Kill.
	Fsync string
	// Cluster makes the server a cluster of one node that has all slots.
	Cluster bool
	// Args are further arguments, such as "--requirepass", "secret". They come last.
	Args []string
}

// Redis starts a Redis server for a test, and stops it when the test ends. If redis-server
// is not installed, it skips the test, and fails it in CI.
func Redis(tb testing.TB, cfg RedisConfig) *Server {
	tb.Helper()
	return open(tb, func(ctx context.Context, dir string) (*Server, error) { return StartRedis(ctx, dir, cfg) })
}

// StartRedis starts a Redis server whose files are in dir, which exists. Close stops it. If
// redis-server is not installed, the error wraps exec.ErrNotFound.
func StartRedis(ctx context.Context, dir string, cfg RedisConfig) (*Server, error) {
	path, err := find("redis-server")
	if err != nil {
		return nil, err
	}
	fsync := cfg.Fsync
	if fsync == "" {
		fsync = "everysec"
	}
	return start(ctx, "redis://%s", func(port int) (program, error) {
		args := []string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir,
			"--appendonly", "yes", "--appendfsync", fsync, "--save", "",
			"--maxmemory-policy", "noeviction",
		}
		if cfg.Cluster {
			bus, err := freePort(ctx)
			if err != nil {
				return program{}, err
			}
			args = append(args, "--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus), "--cluster-announce-ip", "127.0.0.1")
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		ready := func(ctx context.Context) error { return redisAnswers(ctx, addr) }
		if cfg.Cluster {
			ready = func(ctx context.Context) error { return clusterAnswers(ctx, addr) }
		}
		return program{
			name: "redis-server", path: path, args: append(args, cfg.Args...),
			log: filepath.Join(dir, "redis.log"), ready: ready, ask: syscall.SIGTERM,
		}, nil
	})
}

// redisAnswers returns nil if the server has loaded its data. It may ask for a password.
func redisAnswers(ctx context.Context, addr string) error {
	answer, err := redisAsk(ctx, addr, "PING")
	if err == nil && answer != "+PONG" && !strings.HasPrefix(answer, "-NOAUTH") {
		err = errors.New(answer)
	}
	return err
}

// clusterAnswers gives a node that has no slots all of them, and returns nil if the cluster
// answers for them.
func clusterAnswers(ctx context.Context, addr string) error {
	// A key of the last slot that is not there: -CLUSTERDOWN before the cluster is ready.
	answer, err := redisAsk(ctx, addr, "EXISTS absent")
	if err != nil || answer == ":0" {
		return err
	}
	if strings.Contains(answer, "not served") {
		if answer, err = redisAsk(ctx, addr, "CLUSTER ADDSLOTSRANGE 0 16383"); err != nil {
			return err
		}
	}
	return fmt.Errorf("the cluster is not ready: %s", answer)
}

// redisAsk sends a command on a connection of its own, and returns the first line of the answer.
func redisAsk(ctx context.Context, addr, command string) (string, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	return strings.TrimSpace(line), err
}

// Sentinel starts a Redis Sentinel for a test, which watches a master by a name. It stops it
// when the test ends. It takes a master for dead after five seconds without an answer, and then
// makes one of its replicas the master.
func Sentinel(tb testing.TB, name string, master *Server) *Server {
	tb.Helper()
	return open(tb, func(ctx context.Context, dir string) (*Server, error) {
		path, err := find("redis-server")
		if err != nil {
			return nil, err
		}
		return start(ctx, "redis://%s", func(port int) (program, error) {
			file := filepath.Join(dir, "sentinel.conf")
			host, masterPort, err := net.SplitHostPort(master.Addr)
			if err != nil {
				return program{}, err
			}
			text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\nsentinel monitor %s %s %s 1\nsentinel down-after-milliseconds %s 5000\n", port, dir, name, host, masterPort, name)
			return program{
				name: "redis-server --sentinel", path: path, args: []string{file, "--sentinel"},
				log: filepath.Join(dir, "redis.log"),
				ready: func(ctx context.Context) error {
					return redisAnswers(ctx, net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
				},
				ask: syscall.SIGTERM,
			}, os.WriteFile(file, []byte(text), 0o600)
		})
	})
}
