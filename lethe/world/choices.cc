#include "lethe/world/choices.h"

#include <algorithm>
#include <string>
#include <vector>

namespace lethe::world {

namespace {

using Table = std::vector<std::string_view>;

// The items of `list` between any of `separators`, without the spaces before them.
Table split(std::string_view list, std::string_view separators) {
  Table items;
  while (!list.empty()) {
    const size_t end = std::min(list.find_first_of(separators), list.size());
    std::string_view item = list.substr(0, end);
    item.remove_prefix(std::min(item.find_first_not_of(' '), item.size()));
    if (!item.empty()) items.push_back(item);
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return items;
}

Table words(std::string_view list) { return split(list, " \n"); }
Table phrases(std::string_view list) { return split(list, ";\n"); }

constexpr std::string_view kFirstNames = R"(
Aaron Abigail Abraham Ada Adam Adrian Agnes Aidan Aisha Alana Albert Alejandro Alexander Alice Alma Amanda Amelia Amir
Amos Amy Andre Andrea Andrew Angela Anita Anna Anthony Antonio Archie Ariana Arthur Astrid Audrey August Aurora Austin
Ava Barbara Barry Beatrice Benjamin Bernard Bethany Bianca Bradley Brenda Brian Bridget Bruce Caleb Calvin Camila Carl
Carla Carmen Caroline Casper Catherine Cecilia Cedric Celeste Cesar Charles Charlotte Chloe Christina Clara Clarence
Claudia Colin Connor Cora Corinne Curtis Cynthia Cyrus Dahlia Daisy Daniel Daphne Darius David Deborah Dennis Derek
Desmond Diana Diego Dolores Dominic Donald Dorothy Douglas Duncan Edgar Edith Eduardo Edward Eileen Elaine Eleanor
Elena Elias Elijah Eliza Elizabeth Ella Elliot Emerson Emily Emma Eric Ernest Esther Ethan Eugene Eva Evan Evelyn Ezra
Faith Felicia Felix Fernando Fiona Flora Florence Frances Francis Frank Frederick Gabriel Gabriela Gavin Genevieve
Geoffrey George Gerald Gilbert Giselle Gloria Grace Graham Grant Greta Gregory Gwendolyn Hannah Harold Harriet
Harrison Harry Harvey Hazel Heather Hector Heidi Helen Henry Herbert Holly Homer Hope Horace Howard Hugh Hugo Ian Ida
Ignacio Imogen Ines Ingrid Irene Iris Irving Isaac Isabel Isaiah Ivan Ivy Jack Jacob Jacqueline James Janet Jasmine
Jason Jasper Javier Jeffrey Jennifer Jeremiah Jerome Jessica Jill Joan Joanna Joaquin Joel John Jonah Jonathan Jorge
Joseph Josephine Joshua Joyce Juan Juanita Judith Julia Julian June Justin Kaitlyn Karen Kathleen Keith Kelly Kenneth
Kevin Kyle Lars Laura Leah Leila Lena Leo Leonard Leroy Leslie Lester Lewis Liam Lillian Linda Lionel Lisa Lloyd
Lorenzo Louis Louise Lucas Lucia Lucy Luis Luther Lydia Mabel Madeline Malcolm Manuel Marcus Margaret Maria Marian
Mario Marjorie Mark Martha Martin Marvin Mary Matilda Matthew Maurice Max Maya Megan Melanie Melissa Michael Mildred
Miles Milo Miranda Miriam Molly Monica Morgan Moses Nadia Nancy Naomi Natalie Nathan Neil Nelson Nicholas Nicole Nina
Noah Noel Nora Norman Octavia Olga Oliver Olivia Omar Orson Oscar Owen Pablo Pamela Patricia Patrick Paul Paula
Pauline Pearl Penelope Percy Perry Peter Philip Phoebe Phyllis Priscilla Quentin Rachel Ralph Ramona Randall Raphael
Raymond Rebecca Regina Reuben Ricardo Richard Rita Robert Roberta Roger Roland Rosa Rosalind Roxanne Ruby Russell Ruth
Ryan Sabrina Samuel Sandra Sarah Saul Scarlett Sebastian Selena Seth Sheila Shirley Sidney Silas Simon Sofia Solomon
Sonia Sophie Stanley Stella Stephen Stuart Susan Sylvia Tabitha Teresa Terrence Theodore Thomas Timothy Tobias Ursula
Valerie Vanessa Vera Vernon Veronica Victor Victoria Vincent Viola Virgil Vivian Wallace Walter Wanda Warren Wesley
William Winifred Xavier Yolanda Yvonne Zachary Zelda Zoe
)";

constexpr std::string_view kMiddleNames = R"(
Abel Addison Adele Alana Alden Alexis Alfred Alicia Alistair Allegra Allen Alonzo Althea Ambrose Amity Anastasia
Anders Angus Annette Ansel Antonia Arabella Arden Ariel Arlo Asher Ashton Aspen Aubrey Augusta Aurelia Autumn Avery
Axel Bailey Basil Beau Beckett Belinda Bella Benedict Benita Bennett Bernadette Bertram Beryl Birch Blaine Blair Blake
Bonnie Boyd Bram Brennan Briar Brooks Byron Callum Calla Camden Cameron Carey Carlton Carol Carson Carter Cary Casey
Cassandra Cecil Celia Chandler Channing Charity Chase Christopher Clarissa Clark Claude Claire Clementine Cleo Clover
Clyde Colette Cole Cooper Coral Cordelia Corey Cosmo Crispin Cruz Cullen Cyril Dale Dallas Dalton Damon Dana Dane
Danielle Dante Darby Darcy Darrell Dean Deirdre Delilah Denise Denver Desiree Devin Dexter Diane Dillon Dinah Doreen
Dorian Drake Drew Dunstan Dylan Earl Eden Edison Edna Edwina Effie Elise Ellen Ellery Ellis Elmer Eloise Elvira Ember
Emery Emmett Enid Enoch Enrique Erin Ernestine Esme Estelle Eunice Evander Everett Ewan Fay Felicity Fern Finley Finn
Fletcher Flynn Forrest Foster Franklin Freya Gail Galen Garnet Gemma Georgia Gideon Giles Ginger Glenn Grady Gretchen
Griffin Grover Gwen Hadley Hamish Harlan Harley Harmony Harper Haven Hayden Heath Hector Heloise Henrietta Hollis
Honor Hudson Hunter India Inez Ira Isadora Jade Jane Janelle Jay Jean Jenna Jericho Jesse Jocelyn Jolene Jordan Joy
Juliet Juniper Justice Kate Kay Keegan Kendall Kent Kerry Kieran Kimberly Kirk Kit Kurt Lacey Lance Landon Lane
Langston Lara Larkin Laurel Lavinia Lee Leif Lenora Leopold Levi Liberty Lila Lincoln Linnea Linus Logan Lorelei Lorna
Lorraine Lowell Lucian Lucille Lucinda Luke Luna Lyle Lynn Maeve Magnolia Maisie Marcella Marguerite Marie Marigold
Marina Marisol Marshall Mason Maude Maxine May Melody Melvin Mercy Meredith Merle Merritt Micah Millicent Milton
Mitchell Moira Monroe Montgomery Moss Myra Myrtle Nadine Nash Neva Nigel Niles Noelle Nolan Odette Olive Opal Ophelia
Oren Orion Orville Otis Paige Palmer Paris Parker Pascal Patience Paxton Petra Peyton Philippa Pierce Piper Poppy
Porter Prescott Preston Primrose Prudence Quincy Quinn Ramsey Raven Reed Reese Reginald Rene Rex Rhea Rhett Rhys
Ridley River Robin Rochelle Rocco Roman Romeo Rory Rosemary Ross Rowena Roy Rufus Rupert Ryder Sage Salome Sawyer
Selma Serena Shane Shannon Shelby Shiloh Sienna Simone Skye Spencer Sterling Summer Sutton Sybil Tamsin Tate
Temperance Tess Thaddeus Thea Theresa Thora Tiffany Travis Trent Trevor Tristan Troy Truman Tyler Ulysses Una Vance
Vaughn Verity Violet Wade Walker Ward Waverly Wayne Webster Wendell Whitney Wilder Wiley Willa Willow Winston Wren
Wyatt Xenia York Zara Zinnia
)";

constexpr std::string_view kLastNameStems = R"(
Amber Arn Bark Beck Birk Blake Brack Bram Bran Bray Burn Carn Clay Cran Dar Den Dray Elm Ever Fair Farn Fen Gar Glen
Green Hark Haver Hay Hazel Holm Kel Ken Kirk Lin Mar Mer Nor Oak Pem Pen Rock Rowan Silver Stan Tarn Thorn Wake Way Win
Wren
)";
constexpr std::string_view kLastNameEndings = R"(
bourne brook bury combe dale field ford gate hurst land ley more ridge shaw stead ton well wick wood worth
)";

constexpr std::string_view kCities = R"(
Abilene, TX; Akron, OH; Albany, NY; Albuquerque, NM; Alexandria, VA; Allentown, PA; Amarillo, TX; Anaheim, CA;
Anchorage, AK; Ann Arbor, MI; Appleton, WI; Arlington, TX; Asheville, NC; Athens, GA; Atlanta, GA; Augusta, ME;
Aurora, CO; Austin, TX; Bakersfield, CA; Baltimore, MD; Bangor, ME; Baton Rouge, LA; Bellevue, WA; Bellingham, WA;
Bend, OR; Berkeley, CA; Billings, MT; Biloxi, MS; Binghamton, NY; Birmingham, AL; Bismarck, ND; Bloomington, IN;
Boise, ID; Boston, MA; Boulder, CO; Bozeman, MT; Bridgeport, CT; Buffalo, NY; Burlington, VT; Butte, MT;
Cambridge, MA; Canton, OH; Carson City, NV; Casper, WY; Cedar Rapids, IA; Champaign, IL; Charleston, SC;
Charlotte, NC; Chattanooga, TN; Cheyenne, WY; Chicago, IL; Chico, CA; Cincinnati, OH; Cleveland, OH;
Colorado Springs, CO; Columbia, MO; Columbus, OH; Concord, NH; Corpus Christi, TX; Dallas, TX; Davenport, IA;
Dayton, OH; Decatur, IL; Denver, CO; Des Moines, IA; Detroit, MI; Dover, DE; Duluth, MN; Durham, NC; Eau Claire, WI;
El Paso, TX; Erie, PA; Eugene, OR; Evansville, IN; Fairbanks, AK; Fargo, ND; Fayetteville, AR; Flagstaff, AZ;
Flint, MI; Fort Collins, CO; Fort Smith, AR; Fort Wayne, IN; Fresno, CA; Gainesville, FL; Galveston, TX;
Grand Forks, ND; Grand Junction, CO; Grand Rapids, MI; Green Bay, WI; Greensboro, NC; Greenville, SC; Gulfport, MS;
Harrisburg, PA; Hartford, CT; Helena, MT; Hilo, HI; Honolulu, HI; Houston, TX; Huntsville, AL; Idaho Falls, ID;
Indianapolis, IN; Ithaca, NY; Jackson, MS; Jacksonville, FL; Jersey City, NJ; Joplin, MO; Juneau, AK; Kalamazoo, MI;
Kansas City, MO; Knoxville, TN; La Crosse, WI; Lafayette, LA; Lancaster, PA; Lansing, MI; Laramie, WY; Laredo, TX;
Las Cruces, NM; Las Vegas, NV; Lawrence, KS; Lexington, KY; Lincoln, NE; Little Rock, AR; Long Beach, CA;
Los Angeles, CA; Louisville, KY; Lowell, MA; Lubbock, TX; Macon, GA; Madison, WI; Manchester, NH; Medford, OR;
Memphis, TN; Miami, FL; Milwaukee, WI; Minneapolis, MN; Missoula, MT; Mobile, AL; Montgomery, AL; Montpelier, VT;
Muncie, IN; Nashville, TN; New Haven, CT; New Orleans, LA; New York, NY; Newark, NJ; Newport, RI; Norfolk, VA;
Oakland, CA; Ogden, UT; Oklahoma City, OK; Olympia, WA; Omaha, NE; Orlando, FL; Oxford, MS; Palo Alto, CA;
Pensacola, FL; Peoria, IL; Philadelphia, PA; Phoenix, AZ; Pittsburgh, PA; Pocatello, ID; Portland, OR; Providence, RI;
Pueblo, CO; Raleigh, NC; Rapid City, SD; Reno, NV; Richmond, VA; Roanoke, VA; Rochester, NY; Rockford, IL;
Sacramento, CA; Salem, OR; Salt Lake City, UT; San Antonio, TX; San Diego, CA; San Francisco, CA; San Jose, CA;
San Mateo, CA; Santa Fe, NM; Savannah, GA; Scranton, PA; Seattle, WA; Shreveport, LA; Sioux Falls, SD; Spokane, WA;
Syracuse, NY; Tacoma, WA; Tallahassee, FL; Tampa, FL; Toledo, OH; Topeka, KS; Tucson, AZ; Tulsa, OK; Waco, TX;
Wichita, KS; Wilmington, DE; Worcester, MA; Yakima, WA; Youngstown, OH
)";

constexpr std::string_view kUniversities = R"(
University of Akron; University of Alabama; University of Alaska; University of Arizona; University of Arkansas;
University of Baltimore; University of Bridgeport; University of California; University of Central Florida;
University of Central Missouri; University of Central Oklahoma; University of Charleston; University of Chicago;
University of Cincinnati; University of Colorado; University of Connecticut; University of Dallas;
University of Dayton; University of Delaware; University of Denver; University of Detroit Mercy;
University of Dubuque; University of Evansville; University of Findlay; University of Florida; University of Georgia;
University of Hartford; University of Hawaii; University of Houston; University of Idaho; University of Illinois;
University of Indianapolis; University of Iowa; University of Jamestown; University of Kansas; University of Kentucky;
University of La Verne; University of Louisiana; University of Louisville; University of Lynchburg;
University of Maine; University of Mary Washington; University of Maryland; University of Massachusetts;
University of Memphis; University of Miami; University of Michigan; University of Minnesota;
University of Mississippi; University of Missouri; University of Mobile; University of Montana;
University of Montevallo; University of Mount Olive; University of Mount Union; University of Nebraska;
University of Nevada; University of New England; University of New Hampshire; University of New Haven;
University of New Mexico; University of New Orleans; University of North Alabama; University of North Carolina;
University of North Dakota; University of North Florida; University of North Georgia; University of North Texas;
University of Northern Colorado; University of Northern Iowa; University of Northwestern Ohio;
University of Notre Dame; University of Oklahoma; University of Oregon; University of Pennsylvania;
University of Pikeville; University of Pittsburgh; University of Portland; University of Providence;
University of Puget Sound; University of Redlands; University of Rhode Island; University of Richmond;
University of Rio Grande; University of Rochester; University of San Diego; University of San Francisco;
University of Scranton; University of Sioux Falls; University of South Alabama; University of South Carolina;
University of South Dakota; University of South Florida; University of Southern California;
University of Southern Indiana; University of Southern Maine; University of Southern Mississippi; University of Tampa;
University of Tennessee; University of Texas; University of Toledo; University of Tulsa; University of Utah;
University of Vermont; University of Virginia; University of Washington; University of West Alabama;
University of West Florida; University of West Georgia; University of Wisconsin; University of Wyoming;
Adelphi University; Agnes Scott College; Albion College; Alfred University; Allegheny College; American University;
Amherst College; Appalachian State University; Arizona State University; Auburn University; Augustana College;
Babson College; Ball State University; Bard College; Barnard College; Bates College; Baylor University;
Belmont University; Beloit College; Bennington College; Bentley University; Berea College; Boise State University;
Boston College; Boston University; Bowdoin College; Bowling Green State University; Bradley University;
Brandeis University; Brigham Young University; Brown University; Bryant University; Bryn Mawr College;
Bucknell University; Butler University; California Institute of Technology; Carleton College;
Carnegie Mellon University; Case Western Reserve University; Central Michigan University; Centre College;
Chapman University; Claremont McKenna College; Clark University; Clarkson University; Clemson University;
Colby College; Colgate University; College of Charleston; College of William and Mary; Colorado College;
Colorado School of Mines; Colorado State University; Columbia University; Connecticut College; Cooper Union;
Cornell University; Creighton University; Dartmouth College; Davidson College; Denison University; DePaul University;
DePauw University; Dickinson College; Drake University; Drew University; Drexel University; Duke University;
Duquesne University; Earlham College; Eastern Washington University; Eckerd College; Elon University; Emerson College;
Emory University; Fairfield University; Fisk University; Florida Atlantic University; Fordham University;
Franklin and Marshall College; Furman University; Gallaudet University; George Mason University;
Georgetown University; Georgia Institute of Technology; Gettysburg College; Gonzaga University; Goucher College;
Grinnell College; Guilford College; Gustavus Adolphus College; Hamilton College; Hampton University;
Harvard University; Harvey Mudd College; Haverford College; Hendrix College; Hofstra University; Hope College;
Howard University; Illinois Wesleyan University; Indiana State University; Iowa State University; Ithaca College;
James Madison University; Johns Hopkins University; Juniata College; Kalamazoo College; Kansas State University;
Kenyon College; Knox College; Lafayette College; Lawrence University; Lehigh University; Lewis and Clark College;
Loyola Marymount University; Macalester College; Marquette University; Massachusetts Institute of Technology;
Michigan Technological University; Middlebury College; Millsaps College; Montana State University; Morehouse College;
Mount Holyoke College; Muhlenberg College; New Mexico State University; North Dakota State University;
Northeastern University; Northwestern University; Oberlin College; Occidental College; Ohio Northern University;
Oklahoma State University; Oregon State University; Pace University; Pepperdine University; Pitzer College;
Pomona College; Portland State University; Princeton University; Providence College; Purdue University;
Quinnipiac University; Reed College; Rensselaer Polytechnic Institute; Rhodes College; Rice University;
Rollins College; Rutgers University; Saint Louis University; San Jose State University; Santa Clara University;
Scripps College; Seattle University; Seton Hall University; Skidmore College; Smith College;
Southern Methodist University; Spelman College; Stanford University; Stetson University;
Stevens Institute of Technology; Swarthmore College; Syracuse University; Temple University;
Texas Christian University; Trinity College; Tufts University; Tulane University; Tuskegee University; Union College;
Utah State University; Valparaiso University; Vanderbilt University; Vassar College; Villanova University;
Wabash College; Wake Forest University; Wellesley College; Wheaton College; Whitman College; Willamette University;
Williams College; Wofford College; Worcester Polytechnic Institute; Xavier University; Yale University;
Yeshiva University
)";

constexpr std::string_view kMajors = R"(
Accounting; Actuarial Science; Aerospace Engineering; Agronomy; Anthropology; Archaeology; Architecture; Art History;
Astronomy; Astrophysics; Biochemistry; Bioinformatics; Biology; Biomedical Engineering; Botany;
Business Administration; Chemical Engineering; Chemistry; Civil Engineering; Classics; Cognitive Science;
Communications; Comparative Literature; Computer Science; Construction Management; Creative Writing; Criminology;
Culinary Arts; Cybersecurity; Dance; Data Science; Dietetics; Early Childhood Education; Ecology; Economics;
Electrical Engineering; Entomology; Environmental Engineering; Environmental Health; Environmental Policy;
Environmental Science; Epidemiology; Ethnomusicology; Fashion Design; Film Studies; Finance; Food Science;
Forensic Science; Forestry; Game Design; Genetics; Geography; Geology; Geophysics; Graphic Design; Horticulture;
Hospitality Management; Human Resources; Immunology; Industrial Design; Information Systems; International Relations;
Journalism; Kinesiology; Linguistics; Logistics; Marine Science; Marketing; Materials Science; Mathematics;
Mechanical Engineering; Meteorology; Microbiology; Music Theory; Neuroscience; Nursing; Occupational Therapy;
Oceanography; Optics; Paleontology; Petroleum Engineering; Pharmacology; Philosophy; Photography; Physics;
Political Science; Psychology; Public Policy; Religious Studies; Robotics; Social Work; Sociology; Statistics;
Theater; Toxicology; Urban Planning; Veterinary Medicine; Viticulture; Wildlife Conservation; Zoology
)";

// The companies of a city, in one row.
struct CompanyRow {
  std::string_view city;
  std::string_view names;
};

constexpr CompanyRow kCompanies[] = {
    {"New York, NY",
     "Halloran Pryce Capital; Lattice Street Partners; Beekman Row Media; Marrow and Quill Publishing; "
     "Tidewater Assurance; Gilded Lantern Theaters; Orchard Lane Realty; Cobblegate Bank; Fennimore Textiles; "
     "Blue Heron Records; Stellworth Diagnostics; Kestrel Ledger; Parapet Security; Corliss Brothers; "
     "Ninth Stair Provisions; Ampersand Design House; Bellwether Mutual; Dunmarrow Maritime; Hollow Crown Films; "
     "Ironbridge Advisors; Juniper and Wexley Cosmetics; Lockhart Vane Consulting; Mosaic Courier; "
     "Newsprint Atlantic; Octave Broadcasting; Pell and Harrow Auctions; Quarterdeck Shipping; "
     "Rivington Type Foundry; Saltmarsh Hotels; Tessellate Analytics; Umber Gallery Group; Vellum Legal Services; "
     "Whitlock Mercantile; Yardarm Ventures; Zephyrine Airlines; Opaline Jewelers"},
    {"Chicago, IL",
     "Lakeshore Commodities; Brannock Steelworks; Windrow Logistics; Ferrisgate Capital; Prairie Lantern Foods; "
     "Monadnock Elevators; Sable Creek Insurance"},
    {"San Francisco, CA",
     "Fogbell Software; Goldspan Payments; Cypress Point Robotics; Pelican Cloud; Sourdough Labs; "
     "Anchorline Ventures; Trolleycar Games"},
    {"Los Angeles, CA",
     "Palmetto Pictures; Starling Animation; Crestview Talent; Verdugo Aerospace; Neon Cactus Studios; "
     "Sunset Harbor Apparel"},
    {"Boston, MA",
     "Beacon Thread Biotech; Harborlight Trust; Chowder House Restaurants; Longfellow Instruments; "
     "Mayflower Genomics; Colonnade Books"},
    {"Houston, TX",
     "Bayou Bend Petroleum; Derrick and Stone; Gulfmere Chemicals; Spindletop Drilling; Lonestone Pipelines"},
    {"Seattle, WA", "Evergreen Rotor; Rainmaker Outfitters; Cascadia Roasters; Orcaline Ferries; Skyhook Avionics"},
    {"Atlanta, GA", "Peachwood Beverages; Magnolia Freight; Piedmont Signal; Dogwood Health"},
    {"Dallas, TX", "Longhorn Fiber; Trinity Fork Telecom; Bluebonnet Bank; Cattleman Supply"},
    {"Philadelphia, PA", "Libertybell Pharmaceuticals; Keystone Arch Builders; Schuyler Press; Penrose Glass"},
    {"Denver, CO", "Hightimber Mountaineering; Aspenglow Energy; Columbine Cable; Silverlode Minerals"},
    {"Minneapolis, MN", "Northern Arc Power; Flourmill Kitchens; Loonlake Medical; Twinspan Retail"},
    {"San Jose, CA", "Quartzline Semiconductors; Firmament Networks; Nimbus Forge; Zero Meridian Computing"},
    {"Pittsburgh, PA", "Allegheny Crucible; Threeriver Robotics; Carbonway Metals"},
    {"Detroit, MI", "Straitside Motors; Pistonworks; Wolverine Axle"},
    {"Charlotte, NC", "Queensgate Financial; Catawba Yarns; Hornet Speedways"},
    {"Portland, OR", "Rosewater Footwear; Bridgetown Bicycles; Timberjack Brewing"},
    {"Austin, TX", "Limestone Microsystems; Violet Crown Music; Bridgebat Interactive"},
    {"Cleveland, OH", "Cuyahoga Paints; Erieview Hydraulics; Forestgate Clinics"},
    {"San Diego, CA", "Coronado Wireless; Tidepool Genetics; Sealion Shipyards"},
    {"Washington, DC", "Cherrytree Policy Institute; Rotunda Communications; Potomac Cartographers"},
    {"Miami, FL", "Flamingo Cruises; Coralline Exports"},
    {"Phoenix, AZ", "Saguaro Solar; Copperline Software"},
    {"Baltimore, MD", "Chesapeake Cannery; Fells Harbor Logistics"},
    {"Nashville, TN", "Fiddlehead Records; Cumberland Hospitals"},
    {"Indianapolis, IN", "Brickyard Racing Parts; Hoosier Lamplight"},
    {"Columbus, OH", "Buckeye Mutual; Scioto Catalog"},
    {"Cincinnati, OH", "Rivertown Soap; Tallstack Machine Tools"},
    {"Kansas City, MO", "Fountainhead Greeting Cards; Stockyard Provisions"},
    {"Milwaukee, WI", "Lagerhaus Brewing; Cream City Motors"},
    {"Salt Lake City, UT", "Wasatch Outfitting; Beehive Genealogy"},
    {"Raleigh, NC", "Oakhaven Data; Tarheel Textiles"},
    {"Tampa, FL", "Buccaneer Citrus; Gasparilla Tobacco"},
    {"Orlando, FL", "Wonderlight Parks; Everglade Hospitality"},
    {"Omaha, NE", "Plainsman Insurance; Sandhill Rail"},
    {"Louisville, KY", "Bourbon Barrel Cooperage; Churchgate Stables"},
    {"Memphis, TN", "Overnight Arrow; Deltasong Music"},
    {"Richmond, VA", "Dominion Leaf; Shockoe Coffee"},
    {"Hartford, CT", "Charter Oak Casualty; Nutmeg Annuities"},
    {"Sacramento, CA", "Goldrush Almonds; Capitol Bend Engineering"},
    {"Tucson, AZ", "Ocotillo Optics; Desert Thrush Aviation"},
    {"Tulsa, OK", "Wildcatter Resources; Redbud Pipefitting"},
    {"Buffalo, NY", "Niagara Loom; Snowbelt Furnaces"},
    {"Boise, ID", "Sawtooth Semiconductor; Russet Foods"},
    {"Anchorage, AK", "Northern Star Seafoods; Denali Air Cargo"},
    {"Honolulu, HI", "Plumeria Resorts; Leeward Sugar"},
    {"Albuquerque, NM", "Turquoise Trail Films; Sandia Crest Lasers"},
    {"Rochester, NY", "Flourcity Imaging; Lilac Lens"},
    {"Wichita, KS", "Kittyhawk Propellers; Sunflower Turbines"},
    {"Des Moines, IA", "Cornstalk Media; Hawkeye Seed"},
    {"Providence, RI", "Narragansett Silver; Ropewalk Jewelry"},
    {"Madison, WI", "Isthmus Biologics; Badger Creameries"},
    {"Akron, OH", "Summit Vulcanized Rubber"},
    {"Albany, NY", "Patroon Paper"},
    {"Amarillo, TX", "Caprock Helium"},
    {"Ann Arbor, MI", "Inkwell Semantics"},
    {"Appleton, WI", "Foxvalley Tissue"},
    {"Asheville, NC", "Blueridge Pottery"},
    {"Athens, GA", "Redclay Poultry"},
    {"Augusta, GA", "Fairway Green Turf"},
    {"Bakersfield, CA", "Kernstone Oilfield Services"},
    {"Bangor, ME", "Sprucehead Lumber"},
    {"Baton Rouge, LA", "Pelicanfoot Refining"},
    {"Bellingham, WA", "Sockeye Boatworks"},
    {"Bend, OR", "Ponderosa Climbing Gear"},
    {"Billings, MT", "Rimrock Cattle"},
    {"Birmingham, AL", "Vulcan Hearth Iron"},
    {"Bismarck, ND", "Prairie Rose Telephone"},
    {"Bloomington, IN", "Limekiln Stone"},
    {"Boulder, CO", "Flatiron Tea"},
    {"Bozeman, MT", "Gallatin Fly Rods"},
    {"Burlington, VT", "Maplewick Creamery"},
    {"Butte, MT", "Headframe Reclamation"},
    {"Canton, OH", "Hallcourt Ball Bearings"},
    {"Casper, WY", "Platteview Uranium"},
    {"Cedar Rapids, IA", "Oatfield Cereals"},
    {"Charleston, SC", "Palmettoleaf Shipping"},
    {"Chattanooga, TN", "Incline Candies"},
    {"Cheyenne, WY", "Frontier Saddlery"},
    {"Colorado Springs, CO", "Pikeview Satellites"},
    {"Columbia, SC", "Congaree Plastics"},
    {"Corpus Christi, TX", "Sparkling Bay Shrimp"},
    {"Davenport, IA", "Quadcity Tractors"},
    {"Dayton, OH", "Wrightfield Gliders"},
    {"Dover, DE", "Bluehen Packaging"},
    {"Duluth, MN", "Northern Timber Exchange"},
    {"Durham, NC", "Bullpen Therapeutics"},
    {"El Paso, TX", "Franklin Pass Denim"},
    {"Erie, PA", "Lighthouse Locomotives"},
    {"Eugene, OR", "Trackside Running"},
    {"Evansville, IN", "Pigeon Creek Appliances"},
    {"Fargo, ND", "Northern Plains Grain"},
    {"Fayetteville, AR", "Ozark Trucking"},
    {"Flint, MI", "Sparkgap Ignition"},
    {"Fort Collins, CO", "Horsetooth Hydrology"},
    {"Fort Wayne, IN", "Summitmark Magnet Wire"},
    {"Fort Worth, TX", "Panther Leather"},
    {"Fresno, CA", "Raisin Sun Packers"},
    {"Grand Rapids, MI", "Furniture City Chairs"},
    {"Green Bay, WI", "Titletown Cheese"},
    {"Greensboro, NC", "Millrace Hosiery"},
    {"Greenville, SC", "Reedy Falls Tires"},
    {"Harrisburg, PA", "Susquehanna Chocolate"},
    {"Huntsville, AL", "Rocketdyke Propulsion"},
    {"Ithaca, NY", "Gorgewater Sensors"},
    {"Jackson, MS", "Catfish Bend Farms"},
    {"Jacksonville, FL", "Firstcoast Title"},
    {"Kalamazoo, MI", "Celery Flats Pharma"},
    {"Knoxville, TN", "Smokyview Aluminum"},
    {"Lancaster, PA", "Conestoga Clocks"},
    {"Las Vegas, NV", "Mirador Casinos"},
    {"Lexington, KY", "Thoroughbred Tack"},
    {"Lincoln, NE", "Cornhusk Scales"},
    {"Little Rock, AR", "Diamondback Dairies"},
    {"Long Beach, CA", "Queensway Container Lines"},
    {"Lubbock, TX", "Cottonboll Ginning"},
    {"Manchester, NH", "Amoskeag Boots"},
    {"Missoula, MT", "Grizzly Paperboard"},
    {"Mobile, AL", "Azalea Shipbuilding"},
    {"New Bedford, MA", "Whalebone Scallops"},
    {"New Haven, CT", "Elmshade Clockworks"},
    {"New Orleans, LA", "Crescent Brass Instruments"},
    {"Norfolk, VA", "Mermaid Dry Docks"},
    {"Oakland, CA", "Acorn Gantry Cranes"},
    {"Oklahoma City, OK", "Redearth Compressors"},
    {"Olympia, WA", "Artesian Oyster"},
    {"Peoria, IL", "Earthmover Parts"},
    {"Reno, NV", "Sagebrush Slots"},
    {"Roanoke, VA", "Starmountain Railcars"},
    {"San Antonio, TX", "Mission Bell Salsa"},
    {"Savannah, GA", "Spanishmoss Pulp"},
    {"Spokane, WA", "Lilac Falls Apples"},
    {"Worcester, MA", "Wireworks Abrasives"},
};

std::vector<std::string> join_last_names() {
  std::vector<std::string> names;
  for (std::string_view stem : words(kLastNameStems))
    for (std::string_view ending : words(kLastNameEndings)) names.push_back(std::string(stem).append(ending));
  return names;
}

std::vector<Company> join_companies() {
  std::vector<Company> companies;
  for (const CompanyRow& row : kCompanies)
    for (std::string_view name : phrases(row.names)) companies.push_back({name, row.city});
  return companies;
}

struct Tables {
  Table first_names = words(kFirstNames);
  Table middle_names = words(kMiddleNames);
  std::vector<std::string> joined_last_names = join_last_names();
  Table last_names{joined_last_names.begin(), joined_last_names.end()};
  Table cities = phrases(kCities);
  Table universities = phrases(kUniversities);
  Table majors = phrases(kMajors);
  std::vector<Company> companies = join_companies();
};

const Tables& tables() {
  static const Tables kTables;
  return kTables;
}

}  // namespace

std::span<const std::string_view> attribute_names() {
  static constexpr std::string_view kNames[] = {"birth_date", "birth_city", "university",
                                                "major",      "company",    "company_city"};
  return kNames;
}

std::string_view attribute_name(Attribute attribute) { return attribute_names()[static_cast<size_t>(attribute)]; }

std::optional<Attribute> find_attribute(std::string_view name) {
  for (const Attribute attribute : kAttributes)
    if (attribute_name(attribute) == name) return attribute;
  return std::nullopt;
}

std::span<const std::string_view> first_names() { return tables().first_names; }
std::span<const std::string_view> middle_names() { return tables().middle_names; }
std::span<const std::string_view> last_names() { return tables().last_names; }
std::span<const std::string_view> cities() { return tables().cities; }
std::span<const std::string_view> universities() { return tables().universities; }
std::span<const std::string_view> majors() { return tables().majors; }
std::span<const Company> companies() { return tables().companies; }

std::span<const std::string_view> months() {
  static constexpr std::string_view kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                                 "July",    "August",   "September", "October", "November", "December"};
  return kMonths;
}

}  // namespace lethe::world
