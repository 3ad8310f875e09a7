package gateway

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"log/slog"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
	"github.com/tghook/tghook/cmd/tghook/internal/serve/storage"
)

// addedBot is a bot that was added over the admin API.
type addedBot struct {
	sealed []byte
	bot    *config.Bot // nil if it cannot be read
}

// Add adds a bot, or replaces one that was added before, and keeps it over restarts. spec is the
// JSON of a bot as it stands in the file. Mistakes are a [*config.Mistakes]. If the bot is in the
// file, the error is [ErrInFile].
func (g *Gateway) Add(ctx context.Context, name string, spec []byte) error {
	g.changing.Lock()
	file := g.file
	g.changing.Unlock()
	if inFile(file, name) {
		return ErrInFile
	}
	if _, err := config.ParseBot(name, spec, g.known(file, name)); err != nil {
		return err
	}
	sealed, err := seal(g.cfg.File.Admin.Key, name, spec)
	if err != nil {
		return err
	}
	if err := g.cfg.Storage.SaveBot(ctx, storage.Added{Name: name, Sealed: sealed}); err != nil {
		return err
	}
	return g.look(ctx)
}

// known returns the configuration with all bots but the one with the name.
func (g *Gateway) known(file *config.Config, name string) *config.Config {
	all := *file
	all.Bots = nil
	for _, b := range g.all() {
		if b.cfg.Name != name {
			all.Bots = append(all.Bots, b.cfg)
		}
	}
	return &all
}

func inFile(file *config.Config, name string) bool {
	for _, b := range file.Bots {
		if b.Name == name {
			return true
		}
	}
	return false
}

// Remove removes a bot that was added, and its webhook. Updates that wait stay in the storage. If
// the bot is in the file alone, the error is [ErrInFile].
func (g *Gateway) Remove(ctx context.Context, name string) error {
	g.changing.Lock()
	file := g.file
	g.changing.Unlock()
	found, err := g.cfg.Storage.RemoveBot(ctx, name)
	switch {
	case err != nil:
		return err
	case !found && inFile(file, name):
		return ErrInFile
	case !found:
		return ErrNoBot
	}
	return g.look(ctx)
}

// ErrInFile says that a bot is in the configuration file, so that only the file can change it.
var ErrInFile = errors.New("the bot is in the configuration file: change it there")

// takeAdded takes over the bots in the storage, if they have changed.
func (g *Gateway) takeAdded(bots []storage.Added) {
	g.changing.Lock()
	same := len(bots) == len(g.added)
	for _, b := range bots {
		same = same && bytes.Equal(g.added[b.Name].sealed, b.Sealed)
	}
	g.changing.Unlock()
	if same {
		return
	}
	g.change(func() {
		before := g.added
		g.added = map[string]addedBot{}
		for _, b := range bots {
			if old, ok := before[b.Name]; ok && bytes.Equal(old.sealed, b.Sealed) {
				g.added[b.Name] = old
				continue
			}
			g.added[b.Name] = g.open(b)
		}
	})
}

// open reads a bot of the storage.
func (g *Gateway) open(b storage.Added) addedBot {
	spec, err := unseal(g.cfg.File.Admin.Key, b.Name, b.Sealed)
	var bot *config.Bot
	if err == nil {
		base := *g.file
		base.Bots = nil // a bot of the file comes first: see wanted
		bot, err = config.ParseBot(b.Name, spec, &base)
	}
	if err != nil {
		g.cfg.Logger.Error("a bot of the admin API is left out", slog.String("bot", b.Name), slog.Any("error", err))
		return addedBot{b.Sealed, nil}
	}
	return addedBot{b.Sealed, bot}
}

var errSealed = errors.New("its configuration cannot be decrypted, because it was added with another admin.key; restore that key, or add the bot again")

// seal encrypts the configuration of a bot, which has its token.
func seal(key []byte, name string, spec []byte) ([]byte, error) {
	box, err := boxOf(key)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, box.NonceSize())
	_, _ = rand.Read(nonce)
	return box.Seal(nonce, nonce, spec, []byte(name)), nil
}

func unseal(key []byte, name string, sealed []byte) ([]byte, error) {
	box, err := boxOf(key)
	if err != nil {
		return nil, err
	}
	if len(sealed) < box.NonceSize() {
		return nil, errSealed
	}
	spec, err := box.Open(nil, sealed[:box.NonceSize()], sealed[box.NonceSize():], []byte(name))
	if err != nil {
		return nil, errSealed
	}
	return spec, nil
}

// boxOf returns AES-256-GCM with the key of the admin API, which may have any length.
func boxOf(key []byte) (cipher.AEAD, error) {
	if len(key) == 0 {
		return nil, errors.New("admin.key is not set")
	}
	sum := sha256.Sum256(append([]byte("tghook serve bots\x00"), key...))
	block, err := aes.NewCipher(sum[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
