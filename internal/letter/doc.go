// Package letter has the words of our mails: seven letters in English, German, French and Spanish, each as plain text and as
// HTML.
//
//	set, err := letter.New(nil)
//	l, err := set.Write(letter.ResetPassword, user.Locale, letter.Data{
//		Site: "Example", Base: "https://example.com", Link: link, Life: time.Hour,
//	})
//
// # Letters
//
// The prose of a letter is written once for each language, in <language>/<letter>.txt:
//
//	Subject: Choose a new password for {{Site}}
//
//	Somebody asked for a new password{{?Device}} with {{Device}}{{/}}. Choose it here:
//
//	[Choose a new password]
//
//	The link is good for {{Life}}.
//
// The first line is the subject, and an empty line ends a block. A block in square brackets is the button with Data.Link, one
// that begins with "# " is a code, one that begins with "* " is written once for each of Data.Happenings, and any other is a
// paragraph. Greeting and footer are added, both from <language>/words.txt, which also says how times and happenings are told.
// What a block is, is decided before values are filled in, so no value can pretend to be a button.
//
// # Values and sections
//
// These are all the rules there are:
//
//	{{Device}}                              the value
//	{{?Device}} with {{Device}}{{/}}        said only if the value is not empty
//	{{?Device}} … {{:}} elsewhere{{/}}      and what is said otherwise
//
// Sections may hold sections, and end in the block, or the line of words.txt, in which they begin. Which values there are:
//
//   - in a letter, its greeting and its footer: Site, Base, Name, To, Link, Code, Life, Address, IP, Device, Until (day and time)
//     and Day (of Until);
//   - in a block with "* ": What, When, IP, Device, Detail, Address, Until; all but What also in the entries of words.txt
//     for happenings;
//   - in the other entries: Count of minutes, hours and days, and of one minute, hour and day; Day, Month and Year of a date; Day
//     of the first of a month; Date and Clock of a moment.
//
// # HTML
//
// The HTML of all letters is layout.html; whoever wants other HTML for one letter gives a <language>/<letter>.html. Both have the
// same rules, and more values: Greeting, Body (the blocks, ready as HTML), Footer, Subject, Lang and Dir ("ltr" or "rtl"). All
// are escaped but Body. In tags, comments, scripts and styles only Site, Base, Link, Lang and Dir may stand, which no stranger
// chooses, and no sections.
//
// New takes a folder whose files replace the embedded ones of the same names, and may bring whole languages.
//
// # What it refuses
//
// Names, devices and other words of users lose their control characters, marks of direction and line breaks, are cut at
// 100 characters, and are left out where a mail program would make a link of them: else our mail could carry the words of whoever
// signs somebody up. A link is an absolute http or https address, or there is no letter.
//
// # What is not here
//
// Nothing is sent, and no link is made: callers give it complete. It is not text/template, which calls methods by computed
// names, so that the linker keeps every method of a program: that made ours half as large again.
package letter
