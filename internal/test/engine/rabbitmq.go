//go:build unix

package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// RabbitMQ starts a RabbitMQ server for a test, and stops it when the test ends. If
// rabbitmq-server is not installed, it skips the test, and fails it in CI.
func RabbitMQ(tb testing.TB) *Server {
	tb.Helper()
	return open(tb, StartRabbitMQ)
}

// StartRabbitMQ starts a RabbitMQ server whose files are in dir, which exists. Close stops it.
// If rabbitmq-server is not installed, the error wraps exec.ErrNotFound.
//
// The server shares neither its port mapper (epmd) nor its cookie with another server of the
// machine. All its ports are on 127.0.0.1. The port mapper ends with the server, even after a kill.
func StartRabbitMQ(ctx context.Context, dir string) (*Server, error) {
	// The program of this name on the PATH switches to another user.
	server, err := find("/usr/lib/rabbitmq/bin/rabbitmq-server")
	if err != nil {
		return nil, err
	}
	for _, name := range []string{"epmd", "setpriv"} {
		if _, err := exec.LookPath(name); err != nil {
			return nil, fmt.Errorf("rabbitmq-server needs %s: %w", name, err)
		}
	}
	return start(ctx, "amqp://guest:guest@%s/", func(port int) (program, error) {
		ports := make([]string, 2) // of the node's other connections, and of the port mapper
		for i := range ports {
			free, err := freePort(ctx)
			if err != nil {
				return program{}, err
			}
			ports[i] = strconv.Itoa(free)
		}
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		return program{
			name: "rabbitmq-server", path: "/bin/sh",
			args: []string{"-c", `setpriv --pdeathsig KILL epmd -address 127.0.0.1 & exec "$0"`, server},
			env: []string{
				"HOME=" + dir, // for the cookie
				"RABBITMQ_CONF_ENV_FILE=/dev/null",
				"RABBITMQ_CONFIG_FILE=" + filepath.Join(dir, "rabbitmq"), // there is none
				"RABBITMQ_ENABLED_PLUGINS_FILE=" + filepath.Join(dir, "plugins"),
				"RABBITMQ_MNESIA_BASE=" + filepath.Join(dir, "data"),
				"RABBITMQ_PID_FILE=" + filepath.Join(dir, "pid"),
				"RABBITMQ_LOGS=-",
				"RABBITMQ_NODENAME=tghook@localhost",
				"RABBITMQ_NODE_IP_ADDRESS=127.0.0.1",
				"RABBITMQ_NODE_PORT=" + strconv.Itoa(port),
				"RABBITMQ_DIST_PORT=" + ports[0],
				"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
				"ERL_EPMD_ADDRESS=127.0.0.1",
				"ERL_EPMD_PORT=" + ports[1],
				"RUNNING_UNDER_SYSTEMD=true", // the script becomes the server, and starts no second process
			},
			log:   filepath.Join(dir, "rabbitmq.log"),
			ready: func(ctx context.Context) error { return rabbitAnswers(ctx, addr) },
			ask:   syscall.SIGTERM,
		}, nil
	})
}

// rabbitAnswers returns nil if the server begins a connection of AMQP 0-9-1.
func rabbitAnswers(ctx context.Context, addr string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		return err
	}
	answer := make([]byte, 1)
	if _, err := conn.Read(answer); err != nil {
		return err
	}
	if answer[0] != 1 { // a frame with a method
		return errors.New("the answer is not AMQP 0-9-1")
	}
	return nil
}
