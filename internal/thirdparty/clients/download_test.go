package clients_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
)

// download fetches a file as a bot of any library does.
func download(ctx context.Context, url string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the file was answered %s", res.Status)
	}
	return io.ReadAll(res.Body)
}

// sizeOf returns a bot's answer to a photo.
func sizeOf(content []byte) string { return fmt.Sprintf("%d bytes", len(content)) }
