package storage_test

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

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// diskVariable names the folder where this program mounts a small file system, if it is the child
// of a test.
const diskVariable = "TGHOOK_STORAGE_DISK"

var _ = child(diskVariable, fillDisk)

// The child has its own mount namespace, so that it can mount a small file system.
func TestCheckSaysThatTheDiskHasNoRoom(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), diskVariable+"="+t.TempDir())
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
}

// fillDisk is the child.
func fillDisk(dir string) error {
	_ = syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	ctx := context.Background()
	s, err := storage.Open(ctx, config.Storage{Path: filepath.Join(dir, "folder")})
	if err != nil {
		return err
	}
	if err := checkPatiently(ctx, s); err != nil {
		return fmt.Errorf("there is room: %w", err)
	}
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 4<<20), 0o600); err == nil {
		return errors.New("the disk is not full")
	}
	if err := checkPatiently(ctx, s); err == nil || !strings.HasPrefix(err.Error(), "the disk has no room: ") {
		return fmt.Errorf("the disk is full, and Check says: %w", err)
	}
	if err := os.Remove(ballast); err != nil {
		return err
	}
	if err := checkPatiently(ctx, s); err != nil {
		return fmt.Errorf("there is room again: %w", err)
	}
	if err := s.SaveBot(ctx, storage.Added{Name: "a", Sealed: []byte("b")}); err != nil {
		return err
	}
	return s.Close()
}

// checkPatiently is check for a child.
func checkPatiently(ctx context.Context, s *storage.Storage) error {
	for late := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		err := s.Check(ctx)
		if err == nil || !strings.Contains(err.Error(), "does not answer") || time.Now().After(late) {
			return err
		}
	}
}
