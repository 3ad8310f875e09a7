package tghook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// SecretFor derives [Config].Secret from the bot's token and the webhook's URL,
// so that all replicas agree on it without another setting. Nobody can tell the
// token from it.
func SecretFor(token, url string) string { return derive(token, "secret", url) }

// PathFor derives a path that cannot be guessed, for those who want one besides
// the secret: "/" and 64 hexadecimal digits. Never put the token itself in a
// path: servers and proxies log paths.
func PathFor(token string) string { return "/" + derive(token, "path", "") }

func derive(token, purpose, of string) string {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte("tghook " + purpose + "\n" + of))
	return hex.EncodeToString(mac.Sum(nil))
}
