package tgsqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/backends/tgsqlite"
)

// smallDisk names the folder where the child makes a file system of 3 MiB.
const smallDisk = "TGSQLITE_TEST_DISK"

var _ = child(smallDisk, fillDisk)

// The child has its own mount namespace, so that it can mount a small file system.
func TestAFullDiskRefusesUpdatesUntilThereIsRoom(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Env = append(os.Environ(), smallDisk+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if (errors.Is(err, syscall.EPERM) || strings.Contains(string(out), "mount:")) && os.Getenv("CI") != "true" {
		t.Skip("this user may not mount a file system:", err, string(out))
	}
	require.NoError(t, err, string(out))
	t.Log(string(out))
}

// fillDisk is the child.
func fillDisk(dir string) error {
	_ = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=3m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 1<<20), 0o600); err != nil {
		return err
	}
	handled := make(chan int64, 10_000)
	gate := make(chan struct{})
	s, err := tgsqlite.OpenSpool(filepath.Join(dir, "bot.db"), tghook.HandlerFunc(func(_ context.Context, u *tghook.Update) (tghook.Reply, error) {
		<-gate
		handled <- u.ID
		return tghook.NoReply, nil
	}), tgsqlite.SpoolConfig{Consume: tghook.ConsumeConfig{OnError: func(context.Context, error) {}, Dispatch: tghook.DispatchConfig{Bot: 7}}})
	if err != nil {
		return err
	}
	ctx := context.Background()
	kept := int64(0)
	var full error
	deliver := func(id int64) error {
		u, err := tghook.ParseUpdate([]byte(padded(id, id%5)))
		if err == nil {
			_, err = s.HandleUpdate(ctx, u)
		}
		return err
	}
	for full == nil {
		if full = deliver(kept + 1); full == nil {
			kept++
		}
		if kept > 10_000 {
			return errors.New("the disk is never full")
		}
	}
	fmt.Fprintln(os.Stdout, kept, "updates, then:", full)
	if !strings.Contains(full.Error(), "the disk is full") {
		return errors.New("the error does not say that the disk is full")
	}
	if again := deliver(kept + 1); again == nil {
		return errors.New("there is no room, and an update is kept")
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	for range 20 {
		if err := deliver(kept + 1); err != nil {
			return fmt.Errorf("there is room again: %w", err)
		}
		kept++
	}
	close(gate)
	for want := kept; want > 0; want-- {
		select {
		case <-handled:
		case <-time.After(time.Minute):
			return fmt.Errorf("%d updates were not handled", want)
		}
	}
	return s.Shutdown(ctx)
}
