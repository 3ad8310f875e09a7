package serve

import (
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// certificate is that of the webhooks. It is read again when its file has changed, so that a
// renewed one needs no restart.
type certificate struct {
	files config.TLS
	log   *slog.Logger

	mu       sync.Mutex
	loaded   *tls.Certificate
	modified time.Time
	looked   time.Time
}

const lookAtCertificate = 10 * time.Second

func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.get() }}
}

// get returns the newest certificate. If the files cannot be read, it is the one before.
func (c *certificate) get() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded != nil && time.Since(c.looked) < lookAtCertificate {
		return c.loaded, nil
	}
	c.looked = time.Now()
	info, err := os.Stat(c.files.Certificate)
	if err == nil && c.loaded != nil && info.ModTime().Equal(c.modified) {
		return c.loaded, nil
	}
	pair, err := tls.LoadX509KeyPair(c.files.Certificate, c.files.Key)
	switch {
	case err == nil:
		c.loaded, c.modified = &pair, info.ModTime()
	case c.loaded == nil:
		return nil, err
	default:
		c.log.Warn("tls: the certificate cannot be read; the one before goes on", slog.Any("error", err))
	}
	return c.loaded, nil
}
