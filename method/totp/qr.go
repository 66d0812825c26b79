package totp

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// quiet is the white border around a QR code, in modules (ISO/IEC 18004 §9.1).
const quiet = 4

// drawQR returns text as a QR code in SVG. Level L is enough on a screen, where nothing wears off, and is the coarsest, so
// the easiest to scan.
func drawQR(text string) (string, error) {
	grid, err := qr.Encode(text, qr.L)
	if err != nil {
		return "", fmt.Errorf("QR code: %w", err)
	}
	side := grid.Size + 2*quiet
	var svg strings.Builder
	svg.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" role="img" shape-rendering="crispEdges" `)
	fmt.Fprintf(&svg, `viewBox="0 0 %d %d">`, side, side)
	svg.WriteString(`<title>QR code for an authenticator app</title>`)
	fmt.Fprintf(&svg, `<rect width="%d" height="%d" fill="#fff"/>`, side, side) // white in dark pages too
	fmt.Fprintf(&svg, `<path stroke="#000" d="M%d %d.5%s"/></svg>`, quiet, quiet, strokes(grid))
	return svg.String(), nil
}

// strokes draws each row of black modules as lines one module thick, every step relative to where the last line ended.
func strokes(grid *qr.Code) string {
	var d strings.Builder
	penX, penY := 0, 0
	for y := range grid.Size {
		for x := 0; x < grid.Size; x++ {
			start := x
			for grid.Black(x, y) {
				x++
			}
			if x > start {
				fmt.Fprintf(&d, "m%d %dh%d", start-penX, y-penY, x-start)
				penX, penY = x, y
			}
		}
	}
	return d.String()
}
