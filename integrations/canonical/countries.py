"""Countries by the names that people and systems write (ISO 3166-1, two letters; names in English, and common others)."""

from __future__ import annotations

import re
import unicodedata

# One country a line: its code, then its names.
NAMES = """
AD Andorra
AE United Arab Emirates | UAE | Emirates
AF Afghanistan
AG Antigua and Barbuda | Antigua
AI Anguilla
AL Albania
AM Armenia
AO Angola
AQ Antarctica
AR Argentina
AS American Samoa
AT Austria | Österreich
AU Australia
AW Aruba
AX Åland Islands | Aland
AZ Azerbaijan
BA Bosnia and Herzegovina | Bosnia
BB Barbados
BD Bangladesh
BE Belgium | België | Belgique | Belgien
BF Burkina Faso
BG Bulgaria
BH Bahrain
BI Burundi
BJ Benin
BL Saint Barthélemy
BM Bermuda
BN Brunei | Brunei Darussalam
BO Bolivia | Bolivia, Plurinational State of
BQ Bonaire, Sint Eustatius and Saba | Caribbean Netherlands
BR Brazil | Brasil
BS Bahamas | The Bahamas
BT Bhutan
BV Bouvet Island
BW Botswana
BY Belarus
BZ Belize
CA Canada
CC Cocos (Keeling) Islands | Cocos Islands
CD Democratic Republic of the Congo | Congo, The Democratic Republic of the | DR Congo | Congo-Kinshasa
CF Central African Republic
CG Congo | Republic of the Congo | Congo-Brazzaville
CH Switzerland | Schweiz | Suisse | Svizzera
CI Côte d'Ivoire | Ivory Coast
CK Cook Islands
CL Chile
CM Cameroon
CN China | People's Republic of China | PRC
CO Colombia
CR Costa Rica
CU Cuba
CV Cabo Verde | Cape Verde
CW Curaçao
CX Christmas Island
CY Cyprus
CZ Czechia | Czech Republic | Tschechien
DE Germany | Deutschland
DJ Djibouti
DK Denmark | Danmark | Dänemark
DM Dominica
DO Dominican Republic
DZ Algeria
EC Ecuador
EE Estonia
EG Egypt
EH Western Sahara
ER Eritrea
ES Spain | España | Spanien
ET Ethiopia
FI Finland | Suomi
FJ Fiji
FK Falkland Islands | Falkland Islands (Malvinas)
FM Micronesia | Micronesia, Federated States of
FO Faroe Islands
FR France | Frankreich
GA Gabon
GB United Kingdom | UK | U.K. | Great Britain | Britain | England | Scotland | Wales | Northern Ireland | Vereinigtes Königreich
GD Grenada
GE Georgia
GF French Guiana
GG Guernsey
GH Ghana
GI Gibraltar
GL Greenland
GM Gambia | The Gambia
GN Guinea
GP Guadeloupe
GQ Equatorial Guinea
GR Greece | Hellas | EL
GS South Georgia and the South Sandwich Islands
GT Guatemala
GU Guam
GW Guinea-Bissau
GY Guyana
HK Hong Kong | Hong Kong SAR
HM Heard Island and McDonald Islands
HN Honduras
HR Croatia | Hrvatska
HT Haiti
HU Hungary
ID Indonesia
IE Ireland | Eire | Republic of Ireland
IL Israel
IM Isle of Man
IN India
IO British Indian Ocean Territory
IQ Iraq
IR Iran | Iran, Islamic Republic of
IS Iceland
IT Italy | Italia | Italien
JE Jersey
JM Jamaica
JO Jordan
JP Japan
KE Kenya
KG Kyrgyzstan
KH Cambodia
KI Kiribati
KM Comoros
KN Saint Kitts and Nevis
KP North Korea | Korea, Democratic People's Republic of
KR South Korea | Korea, Republic of | Republic of Korea | Korea
KW Kuwait
KY Cayman Islands
KZ Kazakhstan
LA Laos | Lao People's Democratic Republic | Lao
LB Lebanon
LC Saint Lucia
LI Liechtenstein
LK Sri Lanka
LR Liberia
LS Lesotho
LT Lithuania
LU Luxembourg | Luxemburg
LV Latvia
LY Libya
MA Morocco
MC Monaco
MD Moldova | Moldova, Republic of
ME Montenegro
MF Saint Martin | Saint Martin (French part)
MG Madagascar
MH Marshall Islands
MK North Macedonia | Macedonia
ML Mali
MM Myanmar | Burma
MN Mongolia
MO Macao | Macau
MP Northern Mariana Islands
MQ Martinique
MR Mauritania
MS Montserrat
MT Malta
MU Mauritius
MV Maldives
MW Malawi
MX Mexico | México
MY Malaysia
MZ Mozambique
NA Namibia
NC New Caledonia
NE Niger
NF Norfolk Island
NG Nigeria
NI Nicaragua
NL Netherlands | The Netherlands | Holland | Nederland | Niederlande
NO Norway | Norge
NP Nepal
NR Nauru
NU Niue
NZ New Zealand
OM Oman
PA Panama
PE Peru
PF French Polynesia
PG Papua New Guinea
PH Philippines
PK Pakistan
PL Poland | Polska | Polen
PM Saint Pierre and Miquelon
PN Pitcairn
PR Puerto Rico
PS Palestine | Palestine, State of
PT Portugal
PW Palau
PY Paraguay
QA Qatar
RE Réunion
RO Romania
RS Serbia
RU Russia | Russian Federation
RW Rwanda
SA Saudi Arabia
SB Solomon Islands
SC Seychelles
SD Sudan
SE Sweden | Sverige | Schweden
SG Singapore
SH Saint Helena, Ascension and Tristan da Cunha | Saint Helena
SI Slovenia
SJ Svalbard and Jan Mayen
SK Slovakia | Slovak Republic
SL Sierra Leone
SM San Marino
SN Senegal
SO Somalia
SR Suriname
SS South Sudan
ST Sao Tome and Principe
SV El Salvador
SX Sint Maarten | Sint Maarten (Dutch part)
SY Syria | Syrian Arab Republic
SZ Eswatini | Swaziland
TC Turks and Caicos Islands
TD Chad
TF French Southern Territories
TG Togo
TH Thailand
TJ Tajikistan
TK Tokelau
TL Timor-Leste | East Timor
TM Turkmenistan
TN Tunisia
TO Tonga
TR Türkiye | Turkey
TT Trinidad and Tobago | Trinidad
TV Tuvalu
TW Taiwan
TZ Tanzania | Tanzania, United Republic of | United Republic of Tanzania
UA Ukraine
UG Uganda
UM United States Minor Outlying Islands
US United States | USA | U.S.A. | U.S. | United States of America | America | Vereinigte Staaten
UY Uruguay
UZ Uzbekistan
VA Holy See | Vatican City | Vatican
VC Saint Vincent and the Grenadines | Saint Vincent
VE Venezuela | Venezuela, Bolivarian Republic of
VG British Virgin Islands | Virgin Islands, British
VI US Virgin Islands | Virgin Islands, U.S.
VN Vietnam | Viet Nam
VU Vanuatu
WF Wallis and Futuna
WS Samoa
YE Yemen
YT Mayotte
ZA South Africa | RSA
ZM Zambia
ZW Zimbabwe
"""


def code_of(name: str) -> str | None:
    """The code of a country by its name or code, whatever its capitals, accents and points; None where it is not known."""
    return _CODES.get(_plain(name))


def _plain(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    words = re.sub(r"[^a-z ]", "", re.sub(r"[-,/]", " ", letters)).split()
    return " ".join("saint" if word in ("st", "ste") else word for word in words)


def _codes() -> dict[str, str]:
    codes = {}
    for line in NAMES.strip().splitlines():
        code, names = line.split(" ", 1)
        codes[_plain(code)] = code
        for name in names.split(" | "):
            codes[_plain(name)] = code
    return codes


_CODES = _codes()
