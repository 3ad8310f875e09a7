package config_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tghook/tghook/cmd/tghook/internal/serve/config"
)

// keyPair returns a certificate and its key, in PEM.
func keyPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: public})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}))
}

// mistaken are the names of the files with mistakes. Every text in them that may be a secret has the
// word canary.
func mistaken(t testing.TB) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/mistakes/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, names)
	return names
}

func TestEveryMistakeIsToldWithItsLine(t *testing.T) {
	for _, name := range mistaken(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			want, err := os.ReadFile(strings.TrimSuffix(name, ".yaml") + ".txt")
			require.NoError(t, err)
			certificate, _ := keyPair(t)
			_, key := keyPair(t)
			folder(t, map[string]string{
				fileName: string(text), "secrets/empty": "\n", "secrets/token": shopToken + "\n", "secrets/large": strings.Repeat("a", 65<<10),
				"a.pem": certificate, "b.key": key,
			})
			here, err := os.Getwd()
			require.NoError(t, err)
			loaded, err := config.Load(fileName)
			require.Nil(t, loaded)
			var all *config.Mistakes
			require.ErrorAs(t, err, &all)
			require.Equal(t, fileName, all.File)
			require.Equal(t, string(want), strings.ReplaceAll(err.Error(), here, "HERE")+"\n")
			require.NotContains(t, strings.ToLower(err.Error()), "canary")
		})
	}
}
