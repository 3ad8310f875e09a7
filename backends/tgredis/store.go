package tgredis

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tghook/tghook"
)

// Config says how a [Store] uses Redis. The zero value of each field is its default.
type Config struct {
	// Prefix is what the keys of the Store begin with. The default is "tghook:". Bots have
	// keys of their own, so that all bots may have the same prefix. All replicas of a bot
	// must have the same one.
	Prefix string
}

// Store is a [tghook.Store] and a [tghook.AlbumStore] on Redis. Every method may be called
// concurrently.
type Store struct {
	client redis.UniversalClient
	prefix string
}

var (
	_ tghook.Store      = (*Store)(nil)
	_ tghook.AlbumStore = (*Store)(nil)
)

// New returns a Store that uses a client of yours. It sends nothing. The client stays yours:
// close it when the Dispatcher, or the Webhook, has shut down.
//
// A client of any kind will do: redis.NewClient, NewFailoverClient, NewClusterClient, NewRing
// or NewUniversalClient.
func New(client redis.UniversalClient, cfg Config) (*Store, error) {
	if client == nil {
		return nil, &tghook.ConfigError{Field: "tgredis.New", Problem: "the client is nil; give it one, such as redis.NewClient(&redis.Options{Addr: \"localhost:6379\"})"}
	}
	prefix := cfg.Prefix
	if prefix == "" {
		prefix = "tghook:"
	}
	if open := strings.IndexByte(prefix, '{'); open >= 0 && strings.HasPrefix(prefix[open:], "{}") {
		return nil, &tghook.ConfigError{Field: "tgredis.Config.Prefix", Problem: "{} is an empty hash tag; leave it out, or write something between the braces"}
	}
	return &Store{client: client, prefix: prefix}, nil
}

// update returns the key of an update. It is the only key that a script about the update has.
func (s *Store) update(k tghook.Key) string {
	return s.prefix + "update:" + strconv.FormatInt(k.Bot, 10) + ":" + strconv.FormatInt(k.ID, 10)
}

// Claim implements [tghook.Store].
func (s *Store) Claim(ctx context.Context, c tghook.Claim, lease, ttl time.Duration) (tghook.ClaimResult, error) {
	state, values, err := s.run(ctx, claimScript, []string{s.update(c.Key)}, c.Fence, milliseconds(lease), milliseconds(ttl))
	switch {
	case err != nil:
		return tghook.ClaimResult{}, s.failed("Claim", c, err)
	case state == lost:
		return tghook.ClaimResult{}, s.failed("Claim", c, tghook.ErrClaimLost)
	}
	var res tghook.ClaimResult
	switch state {
	case granted:
		attempt, _ := values[0].(int64)
		res = tghook.ClaimResult{State: tghook.ClaimGranted, Attempt: int(attempt), Note: bytes(values[1])}
	case elsewhere:
		left, _ := values[0].(int64)
		res = tghook.ClaimResult{State: tghook.ClaimElsewhere, RetryIn: time.Duration(left) * time.Millisecond}
	case done:
		res = tghook.ClaimResult{State: tghook.ClaimDone, Reply: bytes(values[0])}
	}
	return res, nil
}

// Renew implements [tghook.Store].
func (s *Store) Renew(ctx context.Context, c tghook.Claim, lease time.Duration) error {
	state, _, err := s.run(ctx, renewScript, []string{s.update(c.Key)}, c.Fence, milliseconds(lease))
	return s.held("Renew", c, state, err)
}

// Done implements [tghook.Store].
func (s *Store) Done(ctx context.Context, c tghook.Claim, reply []byte) error {
	state, _, err := s.run(ctx, doneScript, []string{s.update(c.Key)}, c.Fence, reply)
	return s.held("Done", c, state, err)
}

// Fail implements [tghook.Store].
func (s *Store) Fail(ctx context.Context, c tghook.Claim, note []byte) error {
	state, _, err := s.run(ctx, endScript, []string{s.update(c.Key)}, c.Fence, rand.Text(), "fail", note)
	return s.held("Fail", c, state, err)
}

// Release implements [tghook.Store].
func (s *Store) Release(ctx context.Context, c tghook.Claim) error {
	state, _, err := s.run(ctx, endScript, []string{s.update(c.Key)}, c.Fence, rand.Text(), "release", "")
	return s.held("Release", c, state, err)
}

// held returns the error of a method that only the holder of a claim may call.
func (s *Store) held(method string, c tghook.Claim, state int64, err error) error {
	if err == nil && state == lost {
		err = tghook.ErrClaimLost
	}
	if err == nil {
		return nil
	}
	return s.failed(method, c, err)
}

func (s *Store) failed(method string, c tghook.Claim, err error) error {
	return fmt.Errorf("tgredis: %s of update %d of bot %d: %w", method, c.Key.ID, c.Key.Bot, err)
}

// bytes returns a text that a script has returned. An empty one is nil.
func bytes(v any) []byte {
	if text, _ := v.(string); text != "" {
		return []byte(text)
	}
	return nil
}
