package totp_test

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/cloakroom-auth/cloakroom/method/totp"
)

// drawing is what a browser makes of the SVG.
type drawing struct {
	XMLName xml.Name `xml:"http://www.w3.org/2000/svg svg"`
	ViewBox string   `xml:"viewBox,attr"`
	Role    string   `xml:"role,attr"`
	Title   string   `xml:"title"`
	Rect    []struct {
		Width  int    `xml:"width,attr"`
		Height int    `xml:"height,attr"`
		Fill   string `xml:"fill,attr"`
	} `xml:"rect"`
	Path []struct {
		D string `xml:"d,attr"`
	} `xml:"path"`
}

func TestQR(t *testing.T) {
	_, setup := offer(t, totp.Method{Issuer: "Acme"}, ana)
	var d drawing
	if err := xml.Unmarshal([]byte(setup.QR), &d); err != nil {
		t.Fatal(err)
	}
	want, err := qr.Encode(setup.URI, qr.L)
	if err != nil {
		t.Fatal(err)
	}
	side := want.Size + 8
	if d.ViewBox != fmt.Sprintf("0 0 %d %d", side, side) || d.Role != "img" || d.Title == "" || len(d.Path) != 1 ||
		len(d.Rect) != 1 || d.Rect[0].Width != side || d.Rect[0].Height != side || d.Rect[0].Fill != "#fff" {
		t.Errorf("%+v", d)
	}
	black := paint(t, side, d.Path[0].D)
	for y := range side {
		for x := range side {
			if black[y][x] != want.Black(x-4, y-4) { // four modules of quiet zone all around
				t.Fatalf("module %d, %d is black: %v", x, y, black[y][x])
			}
		}
	}
	if strings.Contains(setup.QR, setup.Secret) {
		t.Error("the secret is in the text of the drawing")
	}
}

// paint follows the path M x y.5 (m dx dy h n)…, one module thick.
func paint(t *testing.T, side int, path string) [][]bool {
	t.Helper()
	grid := make([][]bool, side)
	for y := range grid {
		grid[y] = make([]bool, side)
	}
	in := strings.NewReader(path)
	var x, y int
	if _, err := fmt.Fscanf(in, "M%d %d.5", &x, &y); err != nil {
		t.Fatal(err)
	}
	for {
		var dx, dy, n int
		if _, err := fmt.Fscanf(in, "m%d %dh%d", &dx, &dy, &n); err == io.EOF || err == io.ErrUnexpectedEOF {
			return grid
		} else if err != nil {
			t.Fatal(err)
		}
		x, y = x+dx, y+dy
		for range n {
			if grid[y][x] {
				t.Fatalf("module %d, %d is painted twice", x, y)
			}
			grid[y][x] = true
			x++
		}
	}
}
