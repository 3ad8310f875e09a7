package storage_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// victimVariable says where the storage is, if this program is the victim of a test.
const victimVariable = "TGHOOK_STORAGE_VICTIM"

var _ = child(victimVariable, victim)

// victim writes to a storage until it is killed. It says what it has written when that is durable.
func victim(where string) error {
	var place [3]string
	if err := json.Unmarshal([]byte(where), &place); err != nil {
		return err
	}
	cfg := config.Storage{Path: place[0], Postgres: place[1], Schema: place[2]}
	ctx := context.Background()
	s, err := storage.Open(ctx, cfg)
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		if mine, err := s.Hold(ctx, "role", time.Minute); err != nil || !mine {
			return fmt.Errorf("the role is not free: %w", err)
		}
		name := fmt.Sprintf("%d-%d", os.Getpid(), i)
		s.Record(storage.Row{ID: name}, &storage.Exchange{Body: []byte("x")})
		if err := s.SaveBot(ctx, storage.Added{Name: name, Sealed: []byte("x")}); err != nil {
			return err
		}
		if err := s.SetPaused(ctx, int64(os.Getpid())<<32+int64(i), true); err != nil {
			return err
		}
		id := int64(os.Getpid())<<32 + int64(i)
		if err := s.Queue().Publish(ctx, tghook.QueuedUpdate{Key: tghook.Key{Bot: 7, ID: id}, Lane: "a", Raw: []byte(`{}`)}); err != nil {
			return err
		}
		if _, err := fmt.Fprintln(os.Stdout, name, id, "kept"); err != nil {
			return err
		}
	}
}

func TestWhatWasKeptSurvivesKills(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg config.Storage) {
		text, err := json.Marshal([]string{cfg.Path, cfg.Postgres, cfg.Schema})
		require.NoError(t, err)
		survivor := open(t, cfg) // another gateway
		names := map[string]bool{}
		ids := map[int64]bool{}
		for round := range 3 {
			kill(t, string(text), []int{20, 100, 300}[round], func(line string) {
				var (
					name string
					id   int64
				)
				_, err := fmt.Sscan(line, &name, &id)
				require.NoError(t, err)
				names[name], ids[id] = true, true
			})
			holds(t, survivor, "role", time.Second, false)
			execute(t, cfg, `UPDATE {roles} SET until = until - lease`) // time passes
			holds(t, survivor, "role", time.Minute, true)
			require.NoError(t, survivor.Yield(t.Context(), "role"))
		}
		s := open(t, cfg)
		bots, err := s.Bots(t.Context())
		require.NoError(t, err)
		for _, b := range bots {
			delete(names, b.Name)
		}
		assert.Empty(t, names)
		paused, err := s.Paused(t.Context())
		require.NoError(t, err)
		for id := range ids {
			assert.True(t, paused[id])
		}
		for len(ids) > 0 {
			updates, err := s.Queue().Take(t.Context(), 7, 100, time.Minute)
			require.NoError(t, err)
			for _, u := range updates {
				delete(ids, u.Key.ID)
				require.NoError(t, s.Queue().Done(t.Context(), u))
			}
		}
		assert.Equal(t, sum(t, cfg), state(t, cfg))
		assert.Equal(t, count(t, cfg, "rows"), count(t, cfg, "exchanges"))
	})
}

// kill runs a victim, and kills it when it has written so many lines.
func kill(t *testing.T, cfg string, lines int, read func(line string)) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimVariable+"="+cfg)
	var problems strings.Builder
	cmd.Stderr = &problems
	output, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	scanner := bufio.NewScanner(output)
	for range lines {
		require.True(t, scanner.Scan(), problems.String())
		read(scanner.Text())
	}
	require.NoError(t, cmd.Process.Kill())
	for scanner.Scan() {
		if line := scanner.Text(); strings.HasSuffix(line, " kept") { // it was not cut off
			read(line)
		}
	}
	require.Error(t, cmd.Wait())
}
