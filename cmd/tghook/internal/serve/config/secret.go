package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"os"
	"regexp"
	"strings"

	"github.com/tghook/tghook/internal/redact"
)

// A source is where a secret or a certificate comes from.
type source struct {
	Env  string `yaml:"env,omitempty"`
	File string `yaml:"file,omitempty"`
}

// secret reads a secret; "" if it is not given or wrong.
func (r *reader) secret(v *value) string {
	if r.origin == fromRequest {
		return v.text()
	}
	env, file := v.at("env"), v.at("file")
	switch {
	case env.text() != "" && file == nil:
		name := env.text()
		text, set := os.LookupEnv(name)
		if !set {
			r.wrongf(env, "the environment variable %s is not set", redact.Tokens(name))
		} else if text == "" {
			r.wrongf(env, "the environment variable %s is empty", name)
		}
		r.sources[v.field] = source{Env: name}
		return text
	case file.text() != "" && env == nil:
		data, path, ok := r.read(file, maxSecret)
		text := strings.TrimRight(string(data), "\r\n")
		if ok && text == "" {
			r.wrongf(file, "the file %s is empty", path)
		}
		r.sources[v.field] = source{File: path}
		return text
	}
	return ""
}

// fitting reads a secret that must match a pattern.
func (r *reader) fitting(v *value, pattern *regexp.Regexp, must string) string {
	text := r.secret(v)
	if text != "" && !pattern.MatchString(text) {
		r.wrongf(v, "%s", must)
	}
	return text
}

// webhookSecretForm is the form of a secret that Telegram takes.
var webhookSecretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

func (r *reader) webhookSecret(v *value) string {
	return r.fitting(v, webhookSecretForm, "the secret must have 1 to 256 letters, digits, _ and -")
}

// madeSecret returns the secret of a webhook whose bot has none in the file. The token cannot be
// computed from it.
func madeSecret(token string) string {
	mac := hmac.New(sha256.New, []byte(token))
	_, _ = mac.Write([]byte("tghook serve webhook secret"))
	return hex.EncodeToString(mac.Sum(nil))
}

const (
	signaturePrefix = "whsec_"
	// The bounds of a key of Standard Webhooks, in bytes.
	minSignature = 24
	maxSignature = 64
)

func (r *reader) signature(v *value) string {
	text := r.secret(v)
	if text == "" {
		return ""
	}
	encoded, prefixed := strings.CutPrefix(text, signaturePrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !prefixed || err != nil || len(key) < minSignature || len(key) > maxSignature {
		r.wrongf(v, "the secret must be %s and the base64 of %d to %d bytes, as Standard Webhooks has it", signaturePrefix, minSignature, maxSignature)
	}
	return text
}

// certificate reads certificate authorities in PEM; nil if they are not given or wrong.
func (r *reader) certificate(v *value) []byte {
	if v.text() == "" {
		return nil
	}
	data := []byte(v.text())
	if r.origin == fromFile {
		read, path, ok := r.read(v, maxPEM)
		if !ok {
			return nil
		}
		data, r.sources[v.field] = read, source{File: path}
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		r.wrongf(v, "has no certificate in PEM; it must begin with -----BEGIN CERTIFICATE-----")
	}
	return data
}
