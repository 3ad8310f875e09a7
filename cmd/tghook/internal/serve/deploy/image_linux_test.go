package deploy_test

import (
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/tghook/tghook/tghooktest"
)

// user is that of the image.
const user = 65532

// image makes a folder with what the Dockerfile puts into the image, and nothing else.
func image(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		missing(t, "only root can run a program in a folder as if it were an image")
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o755))
	path, err := build()
	require.NoError(t, err)
	program, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tghook"), program, 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "var/lib/tghook"), 0o755))
	require.NoError(t, os.Chown(filepath.Join(dir, "var/lib/tghook"), user, user))
	return dir
}

// in is a command in the image: without an environment, and as its user.
func in(t *testing.T, dir string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/tghook", args...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: dir, Credential: &syscall.Credential{Uid: user, Gid: user}}
	return cmd
}

// The gateway needs no file but its own, and writes to /var/lib/tghook alone.
func TestTheGatewayRunsInAnImageFromScratch(t *testing.T) {
	dir := image(t)
	out, err := in(t, dir, "version").CombinedOutput()
	require.NoError(t, err, string(out))
	require.True(t, strings.HasPrefix(string(out), "tghook "), string(out))

	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "etc/tghook"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/tghook/token"), []byte(tg.Token), 0o644))
	text := "listen: 127.0.0.1:0\nstatus: {listen: 127.0.0.1:0}\nstorage: {path: /var/lib/tghook}\napi: " + tg.URL + "\napi_local: true\n" +
		"bots: {shop: {token: {file: token}, to: 'http://127.0.0.1:9/'}}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "etc/tghook/tghook.yaml"), []byte(text), 0o644))
	g := startGateway(t, in(t, dir, "serve", "--config", "/etc/tghook/tghook.yaml", "--json"))
	for _, path := range []string{"/healthz", "/readyz"} {
		require.Eventually(t, func() bool { return get(t, "http://"+g.status+path) == http.StatusOK }, time.Minute, 20*time.Millisecond, "%s: %s", path, g.log)
	}
	files, err := os.ReadDir(filepath.Join(dir, "var/lib/tghook"))
	require.NoError(t, err)
	assert.NotEmpty(t, files)
	g.stop(t)
}

// denyVariable makes the test binary run the command in its arguments with the kernel's form of
// MemoryDenyWriteExecute.
const denyVariable = "DEPLOY_DENY_WRITE_EXECUTE"

func runDenied() {
	err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
	if err == nil {
		err = syscall.Exec(os.Args[1], os.Args[1:], []string{})
	}
	panic(err)
}

// The service has MemoryDenyWriteExecute. SQLite, as it is compiled here, needs no memory that is
// written and executed.
func TestTheGatewayRunsWithMemoryDenyWriteExecute(t *testing.T) {
	require.Contains(t, read(t, "tghook.service"), "\nMemoryDenyWriteExecute=yes\n")
	if _, err := unix.PrctlRetInt(unix.PR_GET_MDWE, 0, 0, 0, 0); err != nil {
		missing(t, "the kernel is older than Linux 6.3")
	}
	path, err := build()
	require.NoError(t, err)
	tg := tghooktest.NewServer(t, tghooktest.ServerConfig{Patience: time.Minute})
	dir := folder(t, map[string]string{"token": tg.Token, "tghook.yaml": "listen: 127.0.0.1:0\nstatus: {listen: 127.0.0.1:0}\napi: " + tg.URL +
		"\napi_local: true\nbots: {shop: {token: {file: token}, to: 'http://127.0.0.1:9/'}}\n"})
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self, path, "serve", "--json")
	cmd.Dir, cmd.Env = dir, []string{denyVariable + "=1"}
	g := startGateway(t, cmd)
	tg.User("Zoë").Chat().Send("one")
	require.Eventually(t, func() bool { return tg.Pending() == 0 }, time.Minute, 20*time.Millisecond, "the gateway has it on the disk: %s", g.log)
	g.stop(t)
}

func get(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer.StatusCode
}
