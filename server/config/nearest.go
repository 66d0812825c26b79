package config

// nearest is the candidate that takes the fewest edits to become name, the first of several; or "" when even that takes
// more than three, or more than one for every three bytes: then it is a guess rather than a slip.
func nearest(name string, candidates []string) string {
	// More than any candidate is long adds the same to every distance.
	if len(name) > 64 {
		name = name[:64]
	}
	best, least := "", -1
	for _, candidate := range candidates {
		if d := distance(name, candidate); least < 0 || d < least {
			best, least = candidate, d
		}
	}
	if least > 3 || 3*least > len(name)+2 {
		return ""
	}
	return best
}

// seeAll is the mend where no candidate is near.
const seeAll = "see all of them with: cloakroom config print"

// meant asks whether the candidate nearest to name was meant, if any is near.
func meant(name string, candidates []string) string {
	if near := nearest(name, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return seeAll
}

// distance is Levenshtein's: how many bytes to add, drop or change to make a of b.
func distance(a, b string) int {
	row := make([]int, len(b)+1) // row[j] is the distance of what of a is done to b[:j]
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
